"""The approval rules and the schedule of a crew as YAML: both are optional."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crews.models import ApprovalRule, AuditEntry, Crew
from runs.crew_files.applying import Stale, apply, difference
from runs.crew_files.checking import check, load
from runs.crew_files.faults import InvalidDescription
from runs.crew_files.writing import OPTIONAL, describe, digest, text_of
from runs.schedules.models import Schedule

pytestmark = pytest.mark.django_db
LOCKED = re.compile(r'FROM "(\w+)".* FOR UPDATE', re.DOTALL)
RULES = """approval_rules:
  - tool: script
    params: code=*deploy*
    agent_id: orion
    expires_after_s: 60
    admins_only: true
  - tool: git_*
    is_enabled: false
"""
SCHEDULE = """schedule:
  expression: 0 2 * * 1-5
  zone: Europe/Berlin
  overlap: queue
"""


def crew_of(acme) -> Crew:
    return Crew.objects.get(pk=acme.crew.pk)


def without(acme) -> str:
    """The crew as a file that has neither of the keys."""
    return text_of(describe(crew_of(acme), optional=()))


def applied(acme, text: str, **options):
    description, _ = load(text)
    return apply(description, crew_of(acme), acme.organization, **options)


def rules_of(acme) -> list[ApprovalRule]:
    return [*ApprovalRule.objects.filter(crew=acme.crew)]


def test_they_are_created_shown_in_the_difference_and_written_again(acme):
    text = without(acme) + RULES + SCHEDULE
    found = applied(acme, text, by=acme.admin)
    assert "+  - tool: script\n+    params: code=*deploy*" in found.diff
    assert "+schedule:\n+  expression: 0 2 * * 1-5" in found.diff
    first, second = rules_of(acme)
    assert first.organization == acme.organization
    assert (first.agent_id, first.expires_after_s, first.admins_only) == ("orion", 60, True)
    assert (second.tool, second.is_enabled, second.expires_after_s) == ("git_*", False, 3600)
    schedule = Schedule.objects.get()
    assert (schedule.overlap, schedule.missed) == ("queue", "once")
    assert (schedule.is_enabled, schedule.created_by) == (True, acme.admin)
    assert schedule.next_at
    assert text_of(describe(crew_of(acme))) == text


def test_applying_a_file_twice_changes_nothing_the_second_time(acme):
    text = without(acme) + RULES + SCHEDULE
    applied(acme, text)
    keys, entries = [rule.pk for rule in rules_of(acme)], AuditEntry.objects.count()
    updated_at = Schedule.objects.get().updated_at
    assert applied(acme, text).diff == ""
    assert [rule.pk for rule in rules_of(acme)] == keys
    assert Schedule.objects.get().updated_at == updated_at
    assert AuditEntry.objects.count() == entries


def test_rules_that_are_new_or_changed_and_match_no_step_get_warnings(acme):
    def warnings(*rules: str) -> list[str]:
        text = "".join(f"  - {{tool: {rule}}}\n" for rule in rules)
        return [*applied(acme, f"{without(acme)}approval_rules:\n{text}").warnings]

    why = "No step of Acme crew matches this rule now. Check the tool's name and the patterns."
    assert warnings("script", "scirpt", "off, is_enabled: false") == [f"scirpt: {why}"]
    assert warnings("script", "scirpt", "off, is_enabled: false") == []
    assert warnings("scirpt, admins_only: true", "off") == [f"scirpt: {why}", f"off: {why}"]
    assert [*applied(acme, without(acme)).warnings] == []


def test_many_rules_without_effect_get_few_warnings_and_the_steps_are_read_once(acme):
    def found(count: int) -> tuple[list[str], int]:
        rules = "".join(f"  - tool: no{number}\n" for number in range(count))
        with CaptureQueriesContext(connection) as queries:
            text = f"{without(acme)}approval_rules:\n{rules}"
            warnings = [*applied(acme, text, dry_run=True).warnings]
        read = [each for each in queries.captured_queries if '"steps"' in each["sql"]]
        return warnings, len([each for each in read if each["sql"].startswith("SELECT")])

    few, many = found(6), found(30)
    assert few[0][5:] == ["One more rule has no effect now, either. Check each under Approvals."]
    assert many[0][5:] == ["25 more rules have no effect now, either. Check each under Approvals."]
    assert few[1] == many[1]


def test_a_file_without_the_keys_changes_neither(acme):
    old = without(acme)
    applied(acme, old + RULES + SCHEDULE)
    keys = [rule.pk for rule in rules_of(acme)]
    found = applied(acme, old.replace("name: Acme crew", "name: Renamed"))
    assert "approval_rules" not in found.diff
    assert "schedule" not in found.diff
    assert [rule.pk for rule in rules_of(acme)] == keys
    assert Schedule.objects.exists()


def test_an_empty_list_removes_all_rules_and_null_the_schedule(acme):
    old = without(acme)
    applied(acme, old + RULES + SCHEDULE)
    found = applied(acme, old + "approval_rules: []\n")
    assert "-approval_rules:\n-  - tool: script" in found.diff
    assert not rules_of(acme)
    assert Schedule.objects.exists()
    found = applied(acme, old + "schedule: null\n")
    assert "-schedule:\n-  expression: 0 2 * * 1-5" in found.diff
    assert not Schedule.objects.exists()


def test_rules_of_the_organization_and_of_other_crews_stay(acme, globex, second):
    for crew, tenant in ((None, acme), (second, acme), (globex.crew, globex)):
        ApprovalRule.objects.create(organization=tenant.organization, crew=crew)
    applied(acme, without(acme) + "approval_rules: []\n")
    assert ApprovalRule.objects.count() == 3
    assert "approval_rules" not in text_of(describe(crew_of(acme)))


def test_a_changed_rule_is_edited_and_a_moved_one_stays(acme):
    applied(acme, without(acme) + RULES)
    first, second = rules_of(acme)
    entries = AuditEntry.objects.count()
    moved = """approval_rules:
  - tool: git_*
    is_enabled: false
  - tool: script
    params: code=*deploy*
    agent_id: orion
  - tool: pytest
"""
    found = applied(acme, without(acme) + moved)
    assert "-    expires_after_s: 60\n-    admins_only: true" in found.diff
    kinds = AuditEntry.objects.order_by("id").values_list("kind", flat=True)
    assert [*kinds][entries:] == ["approval_rule.edited", "approval_rule.created"]
    kept = rules_of(acme)
    assert [rule.pk for rule in kept[:2]] == [first.pk, second.pk]
    assert (kept[0].expires_after_s, kept[0].admins_only) == (3600, False)


def test_equal_rules_are_counted(acme):
    twice = "approval_rules:\n  - tool: script\n  - tool: script\n"
    applied(acme, without(acme) + twice)
    assert applied(acme, without(acme) + twice).diff == ""
    applied(acme, without(acme) + "approval_rules:\n  - tool: script\n")
    assert len(rules_of(acme)) == 1


def test_a_dry_run_changes_neither(acme):
    found = applied(acme, without(acme) + RULES + SCHEDULE, dry_run=True)
    assert "+approval_rules:" in found.diff
    assert not rules_of(acme)
    assert not Schedule.objects.exists()


@pytest.mark.parametrize(
    ("part", "line", "message"),
    [
        ("approval_rules:\n", 1, "approval_rules: Write [] to remove all approval rules"),
        ("approval_rules:\n  - params: x\n", 2, "approval_rules[0].tool: This field is required"),
        ("approval_rules:\n  - tool: a\n    tools: b\n", 3, "approval_rules[0].tools: Unknown key"),
        (
            "approval_rules:\n  - tool: a\n  - tool: b\n    expires_after_s: 5\n",
            4,
            "approval_rules[1].expires_after_s: Ensure this value is greater than or equal to 10",
        ),
        ("approval_rules:\n  - tool: a\n    agent_id: a b\n", 3, "approval_rules[0].agent_id: "),
        ("approval_rules:\n  - tool: ''\n", 2, "approval_rules[0].tool: This field may not be"),
        ("approval_rules:\n  - tool: 5\n", 2, "approval_rules[0].tool: "),
        ("schedule: 0 2 * * *\n", 1, "schedule: Write a mapping here: expression: 0 2"),
        ("schedule:\n  zone: UTC\n", 1, "schedule.expression: This field is required"),
        ("schedule:\n  expression: 61 * * * *\n", 2, "schedule.expression: 61 is no minute"),
        ("schedule:\n  expression: '@daily'\n  zone: Mars\n", 3, "schedule.zone: "),
        ("schedule:\n  expression: '@daily'\n  overlap: x\n", 3, "schedule.overlap: "),
    ],
)
def test_what_is_refused_is_named_with_its_place(acme, part, line, message):
    text = without(acme)
    with pytest.raises(InvalidDescription) as refused:
        load(text + part)
    assert f"line {text.count(chr(10)) + line}: {message}" in str(refused.value)


def test_a_fault_elsewhere_leaves_both_as_they_are(acme):
    description, _ = load(without(acme) + RULES + SCHEDULE)
    description["tasks"][0]["steps"] = [
        {"tool": "git_clone", "params": {"url": "https://github.com/a/b", "credential": "none"}}
    ]
    with pytest.raises(InvalidDescription, match="has no secret"):
        apply(description, crew_of(acme), acme.organization)
    assert not rules_of(acme)
    assert not Schedule.objects.exists()


@pytest.mark.parametrize("key", OPTIONAL)
def test_a_rule_or_schedule_that_another_user_has_changed_meanwhile_stays(acme, key):
    applied(acme, without(acme) + RULES + SCHEDULE)
    description = describe(crew_of(acme))
    seen = digest(description)
    Schedule.objects.put(acme.crew, by=acme.admin, expression="0 5 * * *")
    ApprovalRule.objects.create(organization=acme.organization, crew=acme.crew)
    mine = describe(crew_of(acme), optional=()) | {key: description[key]}
    with pytest.raises(Stale):
        apply(check(mine), crew_of(acme), acme.organization, seen=seen)
    assert len(rules_of(acme)) == 3
    assert Schedule.objects.get().expression == "0 5 * * *"


def test_rules_and_schedule_are_locked_before_the_crew(acme):
    if not connection.features.has_select_for_update:
        pytest.skip("SQLite has one writer at a time.")
    applied(acme, without(acme) + RULES + SCHEDULE)
    with CaptureQueriesContext(connection) as asked:
        applied(acme, without(acme) + "approval_rules: []\nschedule: null\n")
    statements = [query["sql"] for query in asked]
    locked = dict.fromkeys(found[1] for each in statements if (found := LOCKED.search(each)))
    assert [*locked] == ["crews_approvalrule", "schedules_schedule", "crews_crew"]


def test_the_order_of_keys_is_no_difference(acme):
    acme.crew.budget_run_tokens = 10
    acme.crew.save()
    description = describe(crew_of(acme))
    assert [*check(description)] != [*description]
    assert difference(description, check(description)) == ""
