"""Long texts are sent in several events, and none of them has only a part of a secret."""

import pytest

import crewops_client as crewops
from crewops_client.encoding import OUTPUT
from crewops_client.reporter import Reporter
from crewops_client.streams.codex import Codex
from crewops_client.text_chunks import _OPERATOR, LOOK_BACK, WINDOW, pieces
from sdk.report_server import ReportServer

SECRET = "hunter2-Tr0ub4dor-correct-horse"


@pytest.mark.parametrize(
    ("before", "kept", "after"),
    [
        ('["x", ', f'"api_key": "{SECRET}"', ', "n"]'),  # JSON
        ('["x","y",', f'api_key":"{SECRET}"', ',"n"]'),  # JSON without spaces
        ("some words ", f"password = {SECRET}", " and more"),
        ("some words ", f"Authorization: Bearer {SECRET}", " and more"),
        ("run --verbose ", f"--token {SECRET}", " --dry"),
        ("some words ", SECRET, " and more"),
        ("a\nline, ", f"with {SECRET}", "\nanother"),
    ],
)
def test_a_name_and_its_value_are_in_one_piece(before: str, kept: str, after: str):
    for cut in range(len(kept) + 2):
        filled = "x" * (OUTPUT - len(before) - cut)
        text = filled + before + kept + after + "y" * OUTPUT
        found = list(pieces(text))
        assert "".join(found) == text
        assert max(map(len, found)) <= OUTPUT
        assert any(kept in piece for piece in found), found[0][-99:]


def test_a_text_without_a_place_is_cut_at_the_limit():
    text = ", " + "x" * (2 * OUTPUT)
    assert [len(piece) for piece in pieces(text)] == [OUTPUT, OUTPUT, 2]
    text = "password: " * OUTPUT
    assert "".join(pieces(text)) == text
    assert list(pieces("")) == []
    assert WINDOW < OUTPUT


def test_white_space_is_searched_as_little_as_other_text():
    looked_at = [len(match[0]) for match in _OPERATOR.finditer(" " * 10_000 + ":")]
    assert looked_at == [LOOK_BACK + 1]


def test_outputs_of_tools_and_of_coding_agents_are_cut_so(reporter: Reporter, server: ReportServer):
    text = "y" * (OUTPUT - 20) + f', "api_key": "{SECRET}", ' + "z" * 100
    with crewops.run("c") as run, run.tool("read_config") as tool:
        tool.output(text)
    assert run.flush(20)
    assert [SECRET in each["output"] for each in server.of("tool_progress")] == [False, True]
    item = {"id": "1", "type": "command_execution", "command": "cat", "aggregated_output": text}
    mapper = Codex("codex", "t", "p-")
    mapper.feed({"type": "item.started", "item": {**item, "status": "in_progress"}})
    ended = {**item, "status": "completed", "exit_code": 0}
    events = mapper.feed({"type": "item.completed", "item": ended})
    shown = [fields["output"] for kind, fields in events if kind == "tool_progress"]
    assert [SECRET in each for each in shown] == [False, True]
