"""The meaning of a span, in the dialects of docs/integrations/opentelemetry.md."""

import json
from typing import Any, Literal, NamedTuple

from runs.reporting.otlp import attribute_names as names
from runs.reporting.otlp.spans import Span

# A step is not shown: it is a part of a crew's work that agents and calls are within.
Kind = Literal["workflow", "agent", "tool", "model", "mcp", "step", ""]
Status = Literal["", "succeeded", "failed", "cancelled", "waiting"]  # empty: the span has none

OPERATIONS: dict[str, Kind] = {
    "invoke_workflow": "workflow",
    "invoke_agent": "agent",
    "execute_tool": "tool",
    "chat": "model",
    "generate_content": "model",
    "text_completion": "model",
    "embeddings": "model",
}
OPENINFERENCE: dict[str, Kind] = {
    "AGENT": "agent",
    "TOOL": "tool",
    "LLM": "model",
    "EMBEDDING": "model",
}
OPENLLMETRY: dict[str, Kind] = {
    "workflow": "workflow",
    "agent": "agent",
    "tool": "tool",
    "task": "step",
}
MODEL_REQUESTS = ("chat", "completion", "embedding")  # OpenLLMetry's llm.request.type
NO_SPANS = ("log", "pending_span")  # Logfire sends these as spans without a duration


class Ending(NamedTuple):
    status: Status
    message: str


def kind_of(span: Span) -> Kind:
    """The kind of the span. Empty: no part of a crew's work, such as HTTP and databases."""
    if span.text(*names.LOGFIRE_TYPE) in NO_SPANS:
        return ""
    if method := span.text(*names.MCP_METHOD):
        return "mcp" if method == "tools/call" else ""
    kind = OPERATIONS.get(span.text(*names.OPERATION)) or _openinference(span) or _openllmetry(span)
    if kind == "tool" and _is_no_call(span):
        return "step"
    return kind or ""


def _openinference(span: Span) -> Kind:
    kind = span.text(*names.OPENINFERENCE_KIND).upper()
    if kind == "CHAIN":
        # Of the LangChain steps only the agents, whose steps have the agent's name as metadata.
        return "agent" if span.name and _lc_agent(span) == span.name else "step"
    return OPENINFERENCE.get(kind, "step" if kind else "")


def _openllmetry(span: Span) -> Kind:
    if span.text(*names.OPENLLMETRY_REQUEST) in MODEL_REQUESTS:
        return "model"
    return OPENLLMETRY.get(span.text(*names.OPENLLMETRY_KIND), "")


def _is_no_call(span: Span) -> bool:
    """ADK adds a span for a batch of calls, CrewAI one for the failure of a call."""
    return (
        "(merged" in span.name
        or "(merged" in span.text(*names.TOOL_BY_CONVENTION)
        or "tool_failure_detected" in span.name
    )


def _lc_agent(span: Span) -> str:
    name = parsed(span.value(*names.METADATA))
    name = name.get("lc_agent_name") if isinstance(name, dict) else None
    return name if isinstance(name, str) else ""


def agent_of(span: Span, kind: Kind) -> str:
    """The name of the agent that the span is, or that it names as its own; else empty."""
    if kind == "workflow":
        return ""
    name = span.text(*names.AGENT) or _lc_agent(span)
    if not name and kind == "agent":
        name = span.text(*names.AGENT_OF_OWN_SPAN)
        name = name or span.name.removeprefix("invoke_agent ") or "agent"
    return name[:200]


def workflow_of(span: Span) -> str:
    return span.text(*names.WORKFLOW) or span.name.removeprefix("invoke_workflow ")


def tool_of(span: Span) -> str:
    name = span.text(*names.TOOL)
    for start in ("execute_tool ", "tools/call "):
        name = name or (span.name.removeprefix(start) if span.name.startswith(start) else "")
    return name or span.name or "unknown"


def params_of(span: Span) -> Any:
    """Return the arguments of a tool: an object if the source has one, else its value."""
    return parsed(span.value(*names.PARAMS))


def output_of(span: Span) -> str:
    value = span.value(*names.RESULT)
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def call_of(span: Span) -> dict[str, Any]:
    """``provider`` and ``model`` of a model call, as its start has them; empty if unknown."""
    return {"provider": span.text(*names.PROVIDER), "model": span.text(*names.MODEL)}


def input_tokens_of(span: Span) -> int | None:
    return span.count(*names.INPUT_TOKENS)


def usage_of(span: Span) -> dict[str, Any]:
    """Return the tokens and more of a model call, as its end has them, without unknown values."""
    found = {
        "input_tokens": input_tokens_of(span),
        "output_tokens": span.count(*names.OUTPUT_TOKENS),
        "cached_tokens": span.count(*names.CACHED_TOKENS),
        "cache_write_tokens": span.count(*names.CACHE_WRITE_TOKENS),
        "reasoning_tokens": span.count(*names.REASONING_TOKENS),
        "finish_reason": _finish_reason(span),
        "model": span.text(*names.ANSWERING_MODEL) or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _finish_reason(span: Span) -> str | None:
    reasons = parsed(span.value(*names.FINISH_REASONS))
    reasons = reasons if isinstance(reasons, list) else [reasons, span.text(*names.FINISH_REASON)]
    return next((reason for reason in reasons if isinstance(reason, str) and reason), None)


def ending_of(span: Span) -> Ending:
    """How the span says that it ended, and the error's text."""
    if not span.exceptions and span.code != 2 and span.value(*names.ERROR_TYPE) is None:
        return Ending("succeeded" if span.code == 1 else "", "")
    error_type = span.text(*names.ERROR_TYPE)
    types = [*(item.get(names.EXCEPTION_TYPE) for item in span.exceptions), error_type]
    types = [kind for kind in types if isinstance(kind, str) and kind]
    message = _message(span)
    # An interrupt and a cancellation are exceptions as well, and some sources call them errors.
    if any("GraphInterrupt" in kind for kind in types):
        return Ending("waiting", message)
    if any("Cancelled" in kind or "Canceled" in kind for kind in types):
        return Ending("cancelled", message)
    if span.code == 2 or error_type:
        return Ending("failed", message or error_type)
    return Ending("succeeded" if span.code == 1 else "", "")


def _message(span: Span) -> str:
    for item in reversed(span.exceptions):
        kind, text = item.get(names.EXCEPTION_TYPE), item.get(names.EXCEPTION_MESSAGE)
        parts = [part for part in (kind, text) if isinstance(part, str) and part]
        if parts:
            return ": ".join(parts)[:500]
    return span.description[:500]


def parsed(value: Any) -> Any:
    """The value, or what its text holds as JSON."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value
