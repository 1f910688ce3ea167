"""Tool calls of reported runs that wait for a person before they begin: `docs/reporting.md`."""

import json
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID, uuid4, uuid5

import msgspec
from msgspec import Meta, Struct
from rest_framework.exceptions import NotFound

from crews.models import ApiKey, ApprovalRule
from crews.models.approval_rule import MAX_WAIT_S, MIN_WAIT_S, strictest
from crews.scoping import unscoped
from crews.text import storable
from crews.tracking import InvalidState
from runs.execution.approval_display import NotFullyShown, shown_name, shown_params
from runs.models import Approval, ReportedRun
from runs.reporting.agents import slug_of
from runs.reporting.event_parsing import PARAMS_LIMIT, described, is_shallow
from runs.reporting.reported_kinds import InvalidEvent, Key

NAME_LIMIT = 40  # characters of a tool's name
EXPIRES_AFTER_S = 3600  # where neither a rule nor the program says it
TOO_LARGE = "The input of the call is too large to be shown whole, so nobody can approve it."
LONG_NAME = "name of the tool"  # the parameter that shows a long name whole
HAS_NAME = f"The call has a parameter {LONG_NAME!r}, which CrewOps uses itself. Rename it."
UNKNOWN = "Its approval cannot be read: the run was deleted, or the database does not answer."


class UnknownRun(NotFound):
    default_detail = "The run has had no boot: send that first, with the same `run`."
    is_explained = True


class ApprovalImpossible(InvalidState):
    """No person can be asked about the call, so it must not begin. The text says why."""


class ApprovalQuestion(Struct, kw_only=True):
    """May this call begin? ``always``: a person decides even if no approval rule matches."""

    run: Key
    tool: Annotated[str, Meta(min_length=1)]
    agent_id: Key | None = None
    task_id: Key | None = None
    params: Any = None
    always: bool = False
    expires_after_s: Annotated[int, Meta(ge=MIN_WAIT_S, le=MAX_WAIT_S)] | None = None


def question_of(raw: Any) -> ApprovalQuestion:
    """Convert the body of a request. Raises ``InvalidEvent``."""
    if not isinstance(raw, dict):
        raise InvalidEvent("malformed", "This is no JSON object.")
    if not is_shallow(raw):
        raise InvalidEvent("malformed", "The call is nested too deeply.")
    given = {name: value for name, value in raw.items() if value is not None}
    try:
        return msgspec.convert(storable(given), ApprovalQuestion)
    except (msgspec.ValidationError, OverflowError) as error:
        raise InvalidEvent("invalid", described(str(error), ApprovalQuestion)) from error


def ask(key: ApiKey, question: ApprovalQuestion) -> Approval | None:
    """Ask for approval of the call; ``None`` if it needs none.

    The decision is for ``key`` only. Raises ``UnknownRun``, and ``ApprovalImpossible`` if the
    call must not begin.
    """
    with unscoped():  # all rows are reached from the key's organization
        own = ReportedRun.objects.filter(organization=key.organization_id, key=question.run)
        reported = own.select_related("run__crew__organization").first()
        if reported is None:
            raise UnknownRun
        return request(
            reported,
            key=key,
            agent_id=question.agent_id,
            task_id=question.task_id,
            tool=question.tool,
            params=question.params,
            expires_after_s=question.expires_after_s,
            always=question.always,
        )


def request(
    reported: ReportedRun,
    *,
    key: ApiKey,
    agent_id: str | None,
    task_id: str | None,
    tool: str,
    params: Any,
    expires_after_s: int | None,
    always: bool,
) -> Approval | None:
    """Ask for approval of a call that the program names with ids of its own.

    Rules that match decide about the time, which ``expires_after_s`` can only make shorter, and
    about who decides. Without such a rule there is an approval only if ``always``. Raises
    ``ApprovalImpossible``.
    """
    run, slug = reported.run, slug_of(agent_id)
    params = params if isinstance(params, dict) else {} if params is None else {"value": params}
    rules = ApprovalRule.objects.that_match(run.crew, agent_id=slug, tool=tool, params=params)
    if not (rules or always):
        return None
    if not is_shallow(params) or len(json.dumps(params)) > PARAMS_LIMIT:
        raise ApprovalImpossible(TOO_LARGE)
    terms = strictest(rules) if rules else {"expires_after_s": EXPIRES_AFTER_S}
    if expires_after_s is not None:
        own_s = expires_after_s
        terms["expires_after_s"] = min(terms["expires_after_s"], own_s) if rules else own_s
    try:
        approval = Approval.objects.request(
            id=uuid4(), run=run, agent_id=slug, task_id=_task(reported, task_id),
            is_held=True, unredacted=[tool, params], **_shown(tool, params), **terms,
        )  # fmt: skip
    except (InvalidState, NotFullyShown) as error:
        raise ApprovalImpossible(str(error)) from error
    approval.asked_by = key.pk
    return approval


def answer_of(approval: Approval | None) -> dict[str, Any]:
    """The response to a program: ``{decision, by, note, detail}``."""
    if approval is None:
        return {"decision": "expired", "by": "", "note": "", "detail": UNKNOWN}
    own = {"decision": approval.status, "by": approval.by, "note": approval.note}
    return own | {"detail": approval.refusal}


def _shown(tool: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The tool and its parameters as a person sees them. A long name is shown whole, too.

    Raises ``ApprovalImpossible`` and ``NotFullyShown``.
    """
    if any(name.strip().casefold() == LONG_NAME for name in params):
        raise ApprovalImpossible(HAS_NAME)
    name, shown = shown_name(tool), shown_params(params)
    if len(name) > NAME_LIMIT:
        shown = {**shown, LONG_NAME: name}
    return {"tool": name[:NAME_LIMIT], "params": shown}


def _task(reported: ReportedRun, task_id: str | None) -> UUID | None:
    """Our id of the reporter's task, as `ReportedTimes` makes it, if the run has such a task."""
    if task_id is None:
        return None
    id = uuid5(reported.run_id, f"task {task_id}")
    return id if reported.run.task_executions.filter(task_id=id).exists() else None
