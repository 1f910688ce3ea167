"""Applies a reporter's model calls and handoffs to its run."""

from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from crews.models import Crew
from crews.models.budget import MAX_TOKENS
from runs.execution.redaction import redact
from runs.models import CallText, Handoff, ModelCall
from runs.models.model_call import TOKENS, ModelCallQuerySet
from runs.reporting import prices
from runs.reporting import reported_kinds as kinds
from runs.reporting.agents import slug_of
from runs.reporting.event_parsing import redacted
from runs.reporting.locked_rows import LockedRows

OPEN_CALLS_AT_MOST = 1000  # of a run


class ModelCalls(LockedRows):
    """A part of `EventApplier`: its methods for the kinds ``llm_*`` and ``handoff``.

    The text of a call (``input``, ``output``) is stored only if its organization allows that.
    """

    def _llm_start(self, event: kinds.LlmStart, end: kinds.LlmEnd | None = None) -> None:
        if self._call(event.call_id) is None:
            call = self._begin_call(event.call_id, self._at(event), event, end)
            call.keep(CallText.Part.INPUT, self._text(event.input))
        elif end:
            self._llm_end(end)

    def _llm_progress(self, event: kinds.LlmProgress) -> None:
        at = self._at(event)
        call = self._call(event.call_id) or self._begin_call(event.call_id, at)
        if call.status != ModelCall.Status.RUNNING:
            return
        if event.input is not None:
            call.keep(CallText.Part.INPUT, self._text(event.input))
            if event.output is None:
                return  # it says nothing of an answer
        call.answer(self._text(event.output), at=at)

    def _llm_end(self, event: kinds.LlmEnd) -> None:
        at = self._at(event)
        call = self._call(event.call_id)
        if call is None:
            call = self._begin_call(event.call_id, self._before(at, event.duration_s))
        if call.status != ModelCall.Status.RUNNING:
            return  # only the first end counts
        call.answer(self._text(event.output))
        changed = {}
        if event.model and (model := redacted("model", event.model)) != call.model:
            changed["model"] = model
        call.end(**self._call_ending(event, call.provider, call.model, call.started_at), **changed)

    def _call_ending(
        self, event: kinds.LlmEnd, provider: str, model: str, began: datetime
    ) -> dict[str, Any]:
        """The arguments of `ModelCall.end`, but for ``model``."""
        tokens = {name: _limited(getattr(event, name)) for name in TOKENS}
        ending: dict[str, Any] = {
            "status": event.status,
            "message": redacted("message", event.message),
            "at": self._ended(began, self._at(event), event.duration_s),
            "tokens": tokens,
            **_cost(event, provider, event.model or model, began, tokens),
        }
        if event.first_token_s is not None:
            ending["first_token_s"] = event.first_token_s
        if event.finish_reason:
            ending["finish_reason"] = redacted("finish_reason", event.finish_reason)
        return ending

    @cached_property
    def _all_calls(self) -> ModelCallQuerySet:
        """Made once, because it takes as long as the start of a call."""
        return ModelCall.objects.all()

    def _text(self, text: str | None) -> str:
        return redact(text) if text and self._keeps_text else ""

    @cached_property
    def _keeps_text(self) -> bool:
        crews = Crew.objects.filter(pk=self._run.crew_id)
        return crews.values_list("organization__keeps_model_text", flat=True).get()

    def _handoff(self, event: kinds.Handoff) -> None:
        self._check_agents(slug_of(event.from_agent_id), slug_of(event.to_agent_id))
        Handoff.objects.create(
            run=self._run,
            from_agent_id=self._agent(event.from_agent_id),
            to_agent_id=self._agent(event.to_agent_id),
            message=redacted("message", event.message),
            at=self._at(event),
        )

    def _begin_call(
        self,
        call_id: str,
        at: datetime,
        event: kinds.LlmStart | None = None,
        end: kinds.LlmEnd | None = None,
    ) -> ModelCall:
        """Start the call. Without an ``event`` its start was not received, or arrives later."""
        if not end:  # one that has ended is not open
            self._check_number(ModelCall, OPEN_CALLS_AT_MOST, "model calls open")
        task = None
        agent_id = event and event.agent_id
        if event and event.task_id is not None:
            task = self._task(event.task_id) or self._begin_task(
                event.task_id, event.agent_id, "", at
            )
        self._check_opening(task.agent_id if task and agent_id is None else slug_of(agent_id))
        slug = task.agent_id if task and agent_id is None else self._agent(agent_id)
        if not self._working(agent_id=slug):
            self._open_agent(slug, "", at)
        provider, model = ("unknown", "unknown")
        if event:
            provider = redacted("provider", event.provider)
            model = redacted("model", event.model)
        is_its = task is not None and task.agent_id == slug and task.status == "running"
        return self._all_calls.start(
            run=self._run,
            id=self._id("call", call_id),
            task_execution=task if is_its else None,
            agent_id=slug,
            provider=provider,
            model=model,
            at=at,
            ending=end and self._call_ending(end, provider, model, at),
        )


def _cost(
    event: kinds.LlmEnd, provider: str, model: str, began: datetime, tokens: dict[str, int | None]
) -> dict[str, Any]:
    """Return the cost that the reporter gives, else the computed one, with its source."""
    if event.cost_usd is not None:
        cost, source = prices.rounded(Decimal(str(event.cost_usd))), "reported"
    else:
        counts = {name: tokens[name] for name in TOKENS if name != "reasoning_tokens"}
        counts["cache_write_tokens"] = event.cache_write_tokens
        cost, source = prices.cost_of(provider, model, at=began, **counts), "computed"
    return {} if cost is None else {"cost_usd": cost, "cost_source": source}


def _limited(tokens: int | None) -> int | None:
    return None if tokens is None else min(tokens, MAX_TOKENS)
