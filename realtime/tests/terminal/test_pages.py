"""The pages of `manage.py watch run` that show a call to decide, without a server."""

import pytest
from rich.cells import cell_len

from realtime.terminal.approvals import rows_of
from realtime.terminal.pages import TOO_SMALL
from realtime.tests.terminal.person import ASKED, Person
from realtime.tests.test_terminal_views import event

SIZES = [(80, 24), (40, 10)]
MORE = "Read on to approve script."
LONG = {"code": "\n".join(f"line {number}" for number in range(60))}


def deciding(params: dict, size: tuple[int, int]) -> Person:
    person = Person(size=size)
    person.view.feed(event("approval_requested", 1, **ASKED | {"params": params}))
    person.types("a")
    return person


def drawn(params: dict, columns: int) -> list[str]:
    return [row.plain for row in rows_of(ASKED | {"params": params}, "Orion", columns)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("key", [" ", "\x1b[B", "\x1bOB"])
def test_a_call_is_approved_only_after_its_last_page_was_shown(size, key):
    person = deciding(LONG, size)
    seen: list[str] = []
    while person.below.startswith(MORE):
        assert len(person.rows) <= size[1]
        seen += [row.strip() for row in person.rows if row.startswith("  │ line")]
        person.types("y")
        assert person.below.startswith(MORE)
        person.types(f"{key}y")  # typed ahead of the next page
    assert person.asked == []
    seen += [row.strip() for row in person.rows if row.startswith("  │ line")]
    assert seen == [f"│ line {number}" for number in range(60)]
    person.types("y", {"approval_id": "a", "status": "approved"})
    assert [body["decision"] for _, body in person.asked] == ["approve"]


def test_pages_that_were_not_shown_are_not_left_out():
    person = deciding(LONG, (80, 24))
    assert "  │ line 0" in person.rows
    for _ in range(3):
        person.types(" ")  # not drawn in between
    rows = person.rows
    assert "  │ line 20" in rows
    assert person.below.startswith(MORE)


def test_up_shows_the_page_before():
    person = deciding(LONG, (80, 24))
    first = person.rows
    person.types(" ")
    assert person.rows != first
    person.types("\x1b[A")
    assert person.rows == first
    person.types("\x1b[5~")
    assert person.rows == first


@pytest.mark.parametrize("after", [(40, 10), (80, 20), (79, 24), (120, 40)])
def test_a_resize_pages_anew_and_asks_for_the_end_again(after):
    person = deciding(LONG, (80, 24))
    while person.below.startswith(MORE):
        person.types(" ")
    person.keyboard.size = after
    person.types("y")  # for what was shown before
    assert person.asked == []
    assert person.below.startswith(MORE)
    assert person.rows[0].startswith("Orion asks to call script.")


def test_the_call_stays_while_its_denial_is_typed_and_gives_way_after_it():
    person = deciding({"code": "ls"}, (40, 10))
    person.types("n")
    assert "  │ ls" in person.rows
    person.types("no\n", {"approval_id": "a", "status": "denied"})
    assert "  │ ls" not in person.rows


@pytest.mark.parametrize("size", [(40, 3), (8, 24)])
def test_a_terminal_that_cannot_show_the_call_approves_nothing(size):
    person = deciding(LONG, size)
    for _ in range(99):
        assert person.rows[0].strip() in TOO_SMALL
        person.types(" ")
        person.types("y")
    assert person.asked == []


# -- Rows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [80, 40, 13])
@pytest.mark.parametrize("letter", [" ", "x", "\u6f22", "\u00e9", "\U0001f600", "e\u0301"])
def test_a_long_value_forges_no_other_row(columns, letter):
    value = f"ls{letter * 200}interpreter:\n  \u2502 bash"
    rows = drawn({"code": value}, columns)
    at = rows.index("code:")
    assert all(row.startswith(("  │ ", "  ┆ ")) for row in rows[at + 1 :])
    assert [row[:4] for row in rows[at + 1 :]].count("  │ ") == 2
    assert "".join(row[4:] for row in rows[at + 1 :]) == value.replace("\n", "")
    assert max(cell_len(row) for row in rows) <= columns
    assert max(sum(1 if c.isascii() else 2 for c in row) for row in rows) <= columns


def test_a_long_name_and_agent_forge_no_other_row():
    asked = ASKED | {"params": {"env" + " " * 90 + "code:": "rm"}}
    rows = [row.plain for row in rows_of(asked, "Orion" + " " * 90 + "code:", 40)]
    assert [row for row in rows if row.lstrip().startswith("code:")] == []
    assert [row for row in rows if not row.startswith(("Orion ", "env ", "┆ ", "  │ "))] == []


def test_a_call_is_shown_whole_and_its_invisible_characters_are_visible():
    params = {
        "na\nme": "a\x1b[2J\r\u202eb\n\nApprove script as shown above?",
        "list": ["[red]x[/red]", "\u2066"],
        "tab": "a\tb",
    }
    shown = "\n".join(drawn(params, 80))
    assert "na\\nme:\n  │ a\\u001b[2J\\u000d\\u202eb\n  │ \n  │ Approve script as shown" in shown
    assert '  │  "[red]x[/red]",\n  │  "\\u2066"\n' in shown
    assert "  │ a       b" in shown
    assert drawn({}, 80)[-1] == "It has no parameters."
