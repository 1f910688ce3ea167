"""The input of an AG-UI client: answers to interrupts, which decide about waiting tool calls."""

import re
from http import HTTPStatus
from typing import Any, Literal, NamedTuple
from uuid import UUID

import msgspec
from django.contrib.auth import get_user_model

from crews.audit_actor import Actor, Way, acting_as
from crews.key_holder import KeyHolder
from crews.models import ApiKey
from crews.models.api_key import Scope
from crews.tracking import InvalidState
from realtime.agui.client_history import ClientHistory
from realtime.delivery.grants import Principal
from runs.models import Approval
from runs.models.approval import DECISIONS, NOTE_LIMIT

ANSWERS_AT_MOST = 100  # in one request
# <approval>:<digest of the call>:<seq of the run's stream>:<seq of the graph stream>
ID = re.compile(r"([0-9a-f-]{36}):([0-9a-f]{64}):([0-9]{1,18}):([0-9]{1,18})")
NO_SCOPE = "To decide, an API key needs the scope `operate` too. Make another on the Connect page."


class ResumeError(Exception):
    """The request is refused with this status and problem."""

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


class _Payload(msgspec.Struct):
    approved: bool
    note: str = ""


class _Entry(msgspec.Struct):
    interruptId: str
    status: Literal["resolved", "cancelled"]
    payload: Any = None


class _Input(msgspec.Struct):
    """A RunAgentInput. Everything else in it is ignored: the path names the run."""

    resume: list[_Entry] | None = None
    messages: Any = None


class InterruptAnswer(NamedTuple):
    """``decision`` is approved or denied, or empty if the interrupt was cancelled."""

    approval_id: UUID
    seen: str
    decision: str
    note: str


class Resumption(NamedTuple):
    """The answers to interrupts, and the seqs of both streams where the interrupt came."""

    answers: list[InterruptAnswer]
    run_seq: int
    graph_seq: int


def parse(body: bytes) -> tuple[Resumption | None, ClientHistory]:
    """Return the requested resumption and the parts of the run that the client has.

    The resumption is ``None`` if the request begins a new AG-UI run. Raises ``ResumeError``.
    """
    try:
        given = msgspec.json.decode(body or b"{}", type=_Input)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(f"Send a RunAgentInput as JSON: {error}") from None
    if not given.resume:
        return None, ClientHistory(given.messages)
    if len(given.resume) > ANSWERS_AT_MOST:
        raise _malformed(f"resume holds at most {ANSWERS_AT_MOST} entries.")
    places, answers = set(), []
    for entry in given.resume:
        match = ID.fullmatch(entry.interruptId)
        try:
            approval_id = UUID(match[1]) if match else None
        except ValueError:
            approval_id = None
        if match is None or approval_id is None:
            raise _malformed("interruptId names no interrupt of this run.")
        places.add((int(match[3]), int(match[4])))
        answers.append(_answer(entry, approval_id, match[2]))
    if len(places) > 1:
        raise _malformed("The entries of resume are of different interrupts.")
    return Resumption(answers, *places.pop()), ClientHistory(given.messages)


def decide(
    principal: Principal, address: str, run_id: UUID, answers: list[InterruptAnswer]
) -> None:
    """Decide about the calls that the answers approve or deny. Raises ``ResumeError``.

    The rules are those of the API. A call that was decided in the same way already is no fault.
    Anybody who may watch the run may cancel an interrupt, but it has to be one of this run: to
    continue after it costs as much as to read the whole run.
    """
    cancelled = {answer.approval_id for answer in answers if not answer.decision}
    known = Approval.objects.unscoped().filter(run=run_id, pk__in=cancelled)
    if cancelled and known.count() < len(cancelled):
        raise _not_found()
    answers = [answer for answer in answers if answer.decision]
    if not answers:
        return
    user = _user(principal)
    actor = Actor(Way.API, user.get_username(), user.pk, address)
    with acting_as(actor):
        for answer in answers:
            _decide(user, run_id, answer)


def _decide(user: Any, run_id: UUID, answer: InterruptAnswer) -> None:
    approvals = Approval.objects.visible_to(user).for_lists()
    approval = approvals.filter(run=run_id, pk=answer.approval_id).first()
    if approval is None:
        raise _not_found()
    if refusal := Approval.objects.refusal(user, approval.pk):
        raise _forbidden(refusal)
    by = user.get_username()
    try:
        approval.decide(answer.decision, by=by, seen=answer.seen, note=answer.note)
    except InvalidState as error:
        approval.refresh_decision()
        if (approval.status, approval.by) != (answer.decision, by[:200]):  # no repeated request
            raise ResumeError(HTTPStatus.CONFLICT, "conflict", str(error)) from None


def _answer(entry: _Entry, approval_id: UUID, seen: str) -> InterruptAnswer:
    if entry.status == "cancelled":
        return InterruptAnswer(approval_id, seen, "", "")
    try:
        payload = msgspec.convert(entry.payload, _Payload)
    except msgspec.ValidationError as error:
        detail = f'payload is {{"approved": true or false, "note": text}}: {error}'
        raise _malformed(detail) from None
    if len(payload.note) > NOTE_LIMIT:
        raise _malformed(f"note has at most {NOTE_LIMIT} characters.")
    decision = DECISIONS["approve" if payload.approved else "deny"]
    return InterruptAnswer(approval_id, seen, decision, payload.note)


def _user(principal: Principal) -> Any:
    if isinstance(principal, int):
        return get_user_model().objects.get(pk=principal)
    key = ApiKey.objects.valid().select_related("organization").filter(digest=principal).first()
    if key is None:
        raise ResumeError(HTTPStatus.UNAUTHORIZED, "not_authenticated", "Sign in to decide.")
    if not key.allows(Scope.OPERATE):
        raise _forbidden(NO_SCOPE)
    return KeyHolder(key)


def _malformed(detail: str) -> ResumeError:
    return ResumeError(HTTPStatus.BAD_REQUEST, "malformed", detail)


def _not_found() -> ResumeError:
    return ResumeError(HTTPStatus.NOT_FOUND, "not_found", "Not found.")


def _forbidden(detail: str) -> ResumeError:
    return ResumeError(HTTPStatus.FORBIDDEN, "permission_denied", detail)
