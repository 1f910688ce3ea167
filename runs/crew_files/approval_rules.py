"""The crew's own approval rules in its description. A description without them changes none."""

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from crews.models import ApprovalRule, Crew
from runs.crew_files.fields import EntrySerializer, OptionalText, Text, check_by_model, of_field
from runs.crew_files.saving import update

PATTERNS = ("tool", "params", "agent_id")
WARNED = 5  # rules that get a warning of their own
OPTIONS = ("is_enabled", "expires_after_s", "admins_only")
FIELDS = (*PATTERNS, *OPTIONS)


class RuleEntry(EntrySerializer):
    tool = of_field(Text, ApprovalRule, "tool")
    params = of_field(OptionalText, ApprovalRule, "params")
    agent_id = of_field(OptionalText, ApprovalRule, "agent_id")
    is_enabled = serializers.BooleanField(required=False, default=True)
    expires_after_s = serializers.IntegerField(
        required=False, default=ApprovalRule._meta.get_field("expires_after_s").get_default()
    )
    admins_only = serializers.BooleanField(required=False, default=False)

    def validate(self, rule: dict[str, Any]) -> dict[str, Any]:
        check_by_model(ApprovalRule(**rule), exclude={"organization", "crew"})
        return rule


def describe_rules(crew: Crew) -> list[dict[str, Any]]:
    """Without the rules for every crew of the organization."""
    rules = crew.approval_rules.order_by("created_at", "id")
    return [{name: getattr(rule, name) for name in FIELDS} for rule in rules]


def lock_rules(crew: Crew) -> None:
    """Lock the crew's rules until the transaction ends. Call it before the crew is locked."""
    list(crew.approval_rules.select_for_update().order_by("pk"))


def apply_rules(crew: Crew, entries: Sequence[dict[str, Any]] | None) -> list[ApprovalRule]:
    """Make the crew's rules those of ``entries``. Return those that are new or changed.

    A rule that an entry describes stays. One with the patterns of an entry gets its other values.
    ``None`` changes no rule. Raises ``InvalidDescription``.
    """
    if entries is None:
        return []
    saved = []
    left = list(crew.approval_rules.order_by("created_at", "id"))
    same = [_take(left, entry, FIELDS) for entry in entries]
    for index, (entry, rule) in enumerate(zip(entries, same, strict=True)):
        if rule is None:
            rule = _take(left, entry, PATTERNS)
            rule = rule or ApprovalRule(organization=crew.organization, crew=crew)
            saved.append(update(rule, entry, ("approval_rules", index)))
    for rule in left:
        rule.delete()
    return saved


def warnings_of(rules: Sequence[ApprovalRule]) -> list[str]:
    """Why these rules of one crew have no effect now, for those that are switched on."""
    enabled = [rule for rule in rules if rule.is_enabled]
    steps = enabled[0].steps() if enabled else []
    found = [f"{rule}: {text}" for rule in enabled if (text := rule.warning(steps))]
    more = len(found) - WARNED
    if more <= 0:
        return found
    those = "One more rule has" if more == 1 else f"{more} more rules have"
    return [*found[:WARNED], f"{those} no effect now, either. Check each under Approvals."]


def _take(
    left: list[ApprovalRule], entry: dict[str, Any], names: Sequence[str]
) -> ApprovalRule | None:
    """Remove and return the first rule that has the entry's values of these names."""
    for rule in left:
        if all(getattr(rule, name) == entry[name] for name in names):
            left.remove(rule)
            return rule
    return None
