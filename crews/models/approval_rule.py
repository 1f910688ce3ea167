import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from crews.models.atomic_save import AtomicSave
from crews.models.crew import Crew
from crews.scoping import OwnedModel, ScopedQuerySet

MIN_WAIT_S, MAX_WAIT_S = 10, 7 * 24 * 3600


class ApprovalRuleQuerySet(ScopedQuerySet):
    deletable = ("organization__", "crew__")

    def of_crew(self, crew: Crew) -> "ApprovalRuleQuerySet":
        """The rules of the crew and those of its whole organization."""
        return self.filter(
            models.Q(crew=crew) | models.Q(crew=None), organization=crew.organization_id
        )

    def that_match(
        self, crew: Crew, *, agent_id: str, tool: str, params: Mapping[str, Any]
    ) -> list["ApprovalRule"]:
        """Return the rules that make this call wait. The caller has checked the access."""
        rules = self.unscoped().of_crew(crew).filter(is_enabled=True)
        return [rule for rule in rules if rule.matches(agent_id, tool, params)]


class ApprovalRule(AtomicSave, OwnedModel):
    """Tool calls that match wait until a person approves them.

    The patterns are those of a shell: ``*``, ``?`` and ``[abc]``. They are no regular expressions,
    so the time for a match grows only with the length of the text times that of the pattern.
    Upper and lower case are the same: a rule should rather match too much than too little.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        "crews.Organization", on_delete=models.CASCADE, related_name="approval_rules"
    )
    crew = models.ForeignKey(
        "crews.Crew",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="approval_rules",
        help_text="Empty: every crew of the organization.",
    )
    tool = models.CharField(
        max_length=100,
        default="*",
        help_text="A pattern of the tool's name: script, git_*, or * for every tool.",
    )
    params = models.CharField(
        "parameters",
        max_length=200,
        blank=True,
        help_text="A pattern that one parameter, written as name=value, has to match: "
        "code=*deploy*. Empty: any parameters.",
    )
    agent_id = models.SlugField(
        "agent", max_length=50, blank=True, help_text="The agent's slug. Empty: every agent."
    )
    is_enabled = models.BooleanField("enabled", default=True)
    expires_after_s = models.PositiveIntegerField(
        "seconds until it expires",
        default=3600,
        validators=[MinValueValidator(MIN_WAIT_S), MaxValueValidator(MAX_WAIT_S)],
        help_text="A call that nobody decides for so long is denied.",
    )
    admins_only = models.BooleanField(
        "only admins decide", default=False, help_text="Otherwise operators decide, too."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ApprovalRuleQuerySet.as_manager()

    class Meta:
        ordering = ["organization", "created_at", "id"]

    def __str__(self) -> str:
        parts = [self.tool, self.params, self.agent_id and f"of {self.agent_id}"]
        return " ".join(filter(None, parts))

    def clean(self) -> None:
        super().clean()
        if (
            self.crew_id
            and self.organization_id
            and self.crew.organization_id != self.organization_id
        ):
            raise ValidationError({"crew": "Choose a crew of the same organization."})

    def matches(self, agent_id: str, tool: str, params: Mapping[str, Any]) -> bool:
        if self.agent_id and self.agent_id != agent_id:
            return False
        if not _fits(tool, self.tool):
            return False
        return not self.params or any(
            _fits(f"{name}={_text(value)}", self.params) for name, value in params.items()
        )

    def steps(self) -> list[tuple[str, dict[str, Any]]]:
        """The steps that the rule is for, each with the slug of its agent."""
        from crews.models.task import Task

        tasks = Task.objects.unscoped().filter(crew__organization=self.organization_id)
        if self.crew_id:
            tasks = tasks.filter(crew=self.crew_id)
        return [
            (agent_id, step)
            for agent_id, of_task in tasks.values_list("agent__slug", "steps")
            for step in of_task
        ]

    def warning(self, steps: Sequence[tuple[str, dict[str, Any]]] | None = None) -> str:
        """Why the rule has no effect now, for the person who saves it; "" if a step matches.

        ``steps``: those of `steps`, if the caller has read them.
        """
        steps = self.steps() if steps is None else steps
        if any(self._matches_step(agent_id, step) for agent_id, step in steps):
            return ""
        if not steps:
            owner = str(self.crew or self.organization)
            return f"{owner} has no steps. The rule applies to calls of programs that ask."
        where = f"of {self.crew}" if self.crew_id else "of any crew"
        return f"No step {where} matches this rule now. Check the tool's name and the patterns."

    def _matches_step(self, agent_id: str, step: dict[str, Any]) -> bool:
        return self.matches(agent_id, step.get("tool", ""), step.get("params", {}))


def strictest(rules: Iterable[ApprovalRule]) -> dict[str, Any]:
    """Return the terms of a call that several rules match: ``{expires_after_s, admins_only}``."""
    rules = list(rules)
    return {
        "expires_after_s": min(rule.expires_after_s for rule in rules),
        "admins_only": any(rule.admins_only for rule in rules),
    }


def _fits(text: str, pattern: str) -> bool:
    # `fnmatch` makes a regular expression of atomic groups, which never goes back.
    return fnmatchcase(text.casefold(), pattern.casefold())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
