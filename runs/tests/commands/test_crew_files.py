"""`manage.py apply` and `manage.py export_crew`."""

import io

import pytest
from django.core.management import CommandError, call_command

from crews.models import AuditEntry, Crew
from runs.crew_files.reading import MAX_BYTES

pytestmark = pytest.mark.django_db


def export(crew: str) -> str:
    out = io.StringIO()
    call_command("export_crew", crew, stdout=out)
    return out.getvalue()


@pytest.fixture
def apply(tmp_path):
    def call(text: str, *options: str) -> tuple[str, str]:
        out, err = io.StringIO(), io.StringIO()
        path = tmp_path / "crew.yaml"
        path.write_text(text)
        call_command("apply", str(path), *options, stdout=out, stderr=err)
        return out.getvalue(), err.getvalue()

    return call


def test_an_export_applies_and_changes_nothing(acme, apply):
    entries = AuditEntry.objects.count()
    assert apply(export("acme/crew")) == ("", "Nothing to change.\n")
    assert apply(export("acme/crew"), "--dry-run") == ("", "Nothing to change.\n")
    assert AuditEntry.objects.count() == entries


def test_a_change_is_shown_made_and_recorded(acme, apply):
    text = export("acme/crew").replace("Orion works", "Orion searches")
    shown, said = apply(text, "--dry-run")
    assert "-  - name: Orion works\n" in shown
    assert "+  - name: Orion searches\n" in shown
    assert said == "Nothing was changed: --dry-run.\n"
    assert acme.crew.tasks.first().name == "Orion works"
    assert apply(text) == (shown, "Changed Acme crew.\n")
    assert export("acme/crew") == text
    entry = AuditEntry.objects.latest("id")
    assert entry.object_type == "crews.task"
    assert entry.actor_name


def test_a_rule_that_matches_no_step_gets_a_warning(acme, apply):
    text = export("acme/crew") + "approval_rules:\n- tool: scirpt\n  agent_id: orion\n"
    warning = (
        "scirpt of orion: No step of Acme crew matches this rule now. "
        "Check the tool's name and the patterns.\n"
    )
    assert apply(text, "--dry-run")[1] == f"{warning}Nothing was changed: --dry-run.\n"
    assert apply(text)[1] == f"{warning}Changed Acme crew.\n"
    assert apply(text)[1] == "Nothing to change.\n"
    new = text.replace("slug: crew", "slug: copy")
    assert apply(new, "--dry-run")[1].startswith(warning)


def test_a_new_crew_is_created_once(acme, apply):
    text = export("acme/crew").replace("slug: crew", "slug: copy")
    said = apply(text)[1]
    crew = Crew.objects.get(organization=acme.organization, slug="copy")
    assert said == f"Created Acme crew ({crew.pk}).\n"
    assert apply(text)[1] == "Nothing to change.\n"


def test_each_fault_is_named_with_file_and_line(acme, apply):
    text = export("acme/crew").replace("bash", "perl").replace("organization: acme", "on: acme")
    with pytest.raises(CommandError) as refused:
        apply(text)
    lines = str(refused.value).splitlines()
    assert "crew.yaml: line 1: on: Unknown key." in lines[0]
    text = text.replace("on: acme", "organization: acme")
    with pytest.raises(CommandError, match=r"line \d+: tasks\[1\].steps\[0\].params.interpreter"):
        apply(text)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("organization: acme", "organization: other", "line 1: organization: There is no organiz"),
        ("tool: script", "tool: scribble", "There is no tool 'scribble'. Choose one of"),
    ],
)
def test_what_cannot_be_applied_says_what_to_do(acme, apply, before, after, message):
    with pytest.raises(CommandError) as refused:
        apply(export("acme/crew").replace(before, after))
    assert message in str(refused.value)
    assert str(refused.value).endswith("Nothing was changed.")


def test_a_secret_that_is_missing_is_named_with_its_line(acme, apply):
    acme.give_steps({"tool": "git_clone", "params": {"url": "https://github.com/a/b"}})
    text = export("acme/crew").replace("a/b\n", "a/b\n          credential: deploy\n", 1)
    with pytest.raises(
        CommandError, match=r"line 16: tasks\[0\].steps\[0\].params.credential: The"
    ):
        apply(text)


def test_a_file_that_is_missing_or_too_large(acme, apply, tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        call_command("apply", str(tmp_path / "none.yaml"))
    with pytest.raises(CommandError, match="more than 512 KiB"):
        apply("#" * (MAX_BYTES + 1))


def test_a_deleted_crew_is_not_exported(acme):
    with pytest.raises(CommandError, match="There is no crew"):
        export("acme/none")
