"""The meaning of a span, in the dialects of docs/integrations/opentelemetry.md.

The names of the attributes are listed in `spans.NAMES`. A span has no others.
"""

import json
from typing import Any, Literal, NamedTuple

from runs.reporting.otlp.spans import AGENT, OPERATION, Span

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
CONVERSATION = ("gen_ai.conversation.id", "session.id", "gcp.vertex.agent.session_id")


class Ending(NamedTuple):
    status: Status
    message: str


def kind_of(span: Span) -> Kind:
    """The kind of the span. Empty: no part of a crew's work, such as HTTP and databases."""
    if span.text("logfire.span_type") in NO_SPANS:
        return ""
    if method := span.text("mcp.method.name"):
        return "mcp" if method == "tools/call" else ""
    kind = OPERATIONS.get(span.text(OPERATION)) or _openinference(span) or _openllmetry(span)
    if kind == "tool" and _is_no_call(span):
        return "step"
    return kind or ""


def _openinference(span: Span) -> Kind:
    kind = span.text("openinference.span.kind").upper()
    if kind == "CHAIN":
        # Of the LangChain steps only the agents, whose steps have the agent's name as metadata.
        return "agent" if span.name and _lc_agent(span) == span.name else "step"
    return OPENINFERENCE.get(kind, "step" if kind else "")


def _openllmetry(span: Span) -> Kind:
    if span.text("llm.request.type") in MODEL_REQUESTS:
        return "model"
    return OPENLLMETRY.get(span.text("traceloop.span.kind"), "")


def _is_no_call(span: Span) -> bool:
    """ADK adds a span for a batch of calls, CrewAI one for the failure of a call."""
    return (
        "(merged" in span.name
        or "(merged" in span.text("gen_ai.tool.name")
        or "tool_failure_detected" in span.name
    )


def _lc_agent(span: Span) -> str:
    name = parsed(span.attributes.get("metadata"))
    name = name.get("lc_agent_name") if isinstance(name, dict) else None
    return name if isinstance(name, str) else ""


def agent_of(span: Span, kind: Kind) -> str:
    """The name of the agent that the span is, or that it names as its own; else empty."""
    if kind == "workflow":
        return ""
    name = span.text(*AGENT) or _lc_agent(span)
    if not name and kind == "agent":
        name = span.text("traceloop.entity.name", "gen_ai.agent.id")
        name = name or span.name.removeprefix("invoke_agent ") or "agent"
    return name[:200]


def workflow_of(span: Span) -> str:
    name = span.text("gen_ai.workflow.name", "traceloop.workflow.name", "traceloop.entity.name")
    return name or span.name.removeprefix("invoke_workflow ")


def tool_of(span: Span) -> str:
    name = span.text("gen_ai.tool.name", "tool.name", "traceloop.entity.name")
    for start in ("execute_tool ", "tools/call "):
        name = name or (span.name.removeprefix(start) if span.name.startswith(start) else "")
    return name or span.name or "unknown"


def params_of(span: Span) -> Any:
    """Return the arguments of a tool: an object if the source has one, else its value."""
    for name in (
        "gen_ai.tool.call.arguments",
        "tool_arguments",
        "gcp.vertex.agent.tool_call_args",
        "input.value",
        "traceloop.entity.input",
    ):
        if (value := span.attributes.get(name)) is not None:
            return parsed(value)
    return None


def output_of(span: Span) -> str:
    for name in (
        "gen_ai.tool.call.result",
        "tool_response",
        "gcp.vertex.agent.tool_response",
        "output.value",
        "traceloop.entity.output",
    ):
        if (value := span.attributes.get(name)) is not None:
            return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return ""


def call_of(span: Span) -> dict[str, Any]:
    """``provider`` and ``model`` of a model call, as its start has them; empty if unknown."""
    provider = span.text("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")
    model = span.text("gen_ai.request.model", "llm.model_name", "gen_ai.response.model")
    return {"provider": provider, "model": model}


def input_tokens_of(span: Span) -> int | None:
    return span.count(
        "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt"
    )


def usage_of(span: Span) -> dict[str, Any]:
    """Return the tokens and more of a model call, as its end has them, without unknown values."""
    cached = span.count(
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.details.cache_read_tokens",
        "llm.token_count.prompt_details.cache_read",
    )
    written = span.count(
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.details.cache_write_tokens",
        "llm.token_count.prompt_details.cache_write",
    )
    reasoning = span.count(
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.details.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
    )
    found = {
        "input_tokens": input_tokens_of(span),
        "output_tokens": span.count(
            "gen_ai.usage.output_tokens",
            "gen_ai.usage.completion_tokens",
            "llm.token_count.completion",
        ),
        "cached_tokens": cached,
        "cache_write_tokens": written,
        "reasoning_tokens": reasoning,
        "finish_reason": _finish_reason(span),
        "model": span.text("gen_ai.response.model") or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _finish_reason(span: Span) -> str | None:
    reasons = parsed(span.attributes.get("gen_ai.response.finish_reasons"))
    reasons = reasons if isinstance(reasons, list) else [reasons, span.text("llm.finish_reason")]
    return next((reason for reason in reasons if isinstance(reason, str) and reason), None)


def ending_of(span: Span) -> Ending:
    """How the span says that it ended, and the error's text."""
    if not span.exceptions and span.code != 2 and "error.type" not in span.attributes:
        return Ending("succeeded" if span.code == 1 else "", "")
    types = [item.get("exception.type") for item in span.exceptions]
    types = [kind for kind in [*types, span.text("error.type")] if isinstance(kind, str) and kind]
    message = _message(span)
    # An interrupt and a cancellation are exceptions as well, and some sources call them errors.
    if any("GraphInterrupt" in kind for kind in types):
        return Ending("waiting", message)
    if any("Cancelled" in kind or "Canceled" in kind for kind in types):
        return Ending("cancelled", message)
    if span.code == 2 or span.text("error.type"):
        return Ending("failed", message or span.text("error.type"))
    return Ending("succeeded" if span.code == 1 else "", "")


def _message(span: Span) -> str:
    for item in reversed(span.exceptions):
        kind, text = item.get("exception.type"), item.get("exception.message")
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
