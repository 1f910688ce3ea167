"""Read agents, tools and model calls from the attributes of OpenTelemetry spans."""

import json
from typing import Any

from .value_snapshot import snapshot

OPERATIONS = {
    "invoke_agent": "agent",
    "execute_tool": "tool",
    "chat": "model",
    "generate_content": "model",
    "text_completion": "model",
    "embeddings": "model",
}
OPENINFERENCE = {"AGENT": "agent", "TOOL": "tool", "LLM": "model", "EMBEDDING": "model"}
OPENLLMETRY = {"agent": "agent", "tool": "tool"}
LIMIT = 8_000  # characters of a text


def kind_of(span: Any, *, has_ended: bool = False) -> str:
    """Return ``agent``, ``tool`` or ``model``, or "" if the span is another or not known yet."""
    if _text(span, "logfire.span_type") in ("log", "pending_span"):
        return ""
    if _text(span, "mcp.method.name"):  # repeats the tool call that it is within
        return ""
    operation = _text(span, "gen_ai.operation.name")
    kind = OPERATIONS.get(operation, "")
    kind = kind or OPENLLMETRY.get(_text(span, "traceloop.span.kind"), "")
    kind = kind or _openinference(span)
    if not kind and not operation and not has_ended and " " in span.name:
        kind = OPERATIONS.get(span.name.split(" ", 1)[0], "")  # some set attributes later
    if kind == "tool" and "(merged" in span.name + _text(span, "gen_ai.tool.name"):
        return ""
    return kind


def _openinference(span: Any) -> str:
    kind = _text(span, "openinference.span.kind")
    if kind == "CHAIN":
        return "agent" if span.name and _lc_agent(span) == span.name else ""
    return OPENINFERENCE.get(kind, "")


def agent_of(span: Any, kind: str) -> str:
    """Return the name of the agent that the span is, or that it names as its own."""
    name = _text(span, "gen_ai.agent.name", "agent_name", "agent.name") or _lc_agent(span)
    if not name and kind == "agent":
        name = _text(span, "traceloop.entity.name", "gen_ai.agent.id")
        name = name or span.name.removeprefix("invoke_agent ") or "agent"
    return name


def _lc_agent(span: Any) -> str:
    metadata = _parsed(_text(span, "metadata"))
    name = metadata.get("lc_agent_name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else ""


def tool_of(span: Any) -> str:
    name = _text(span, "gen_ai.tool.name", "tool.name", "traceloop.entity.name")
    return name or span.name.removeprefix("execute_tool ") or "unknown"


def params_of(span: Any) -> Any:
    text = _text(
        span,
        "gen_ai.tool.call.arguments",
        "tool_arguments",
        "gcp.vertex.agent.tool_call_args",
        "input.value",
        "traceloop.entity.input",
    )
    params = _parsed(text)
    return snapshot(params if isinstance(params, dict) else {"input": params}) if text else None


def output_of(span: Any) -> str:
    return _text(
        span,
        "gen_ai.tool.call.result",
        "tool_response",
        "gcp.vertex.agent.tool_response",
        "output.value",
        "traceloop.entity.output",
    )[:LIMIT]


def call_of(span: Any) -> dict[str, str]:
    """Return provider and model, each empty if the span does not have it."""
    provider = _text(span, "gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")
    model = _text(span, "gen_ai.request.model", "llm.model_name")
    if not model and span.name.split(" ", 1)[0] in OPERATIONS:
        model = span.name.partition(" ")[2]  # Pydantic AI sets the attributes after the call
    return {"provider": provider, "model": model}


def usage_of(span: Any) -> dict[str, Any]:
    found = {
        "input_tokens": _count(
            span,
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.prompt_tokens",
            "llm.token_count.prompt",
        ),
        "output_tokens": _count(
            span,
            "gen_ai.usage.output_tokens",
            "gen_ai.usage.completion_tokens",
            "llm.token_count.completion",
        ),
        "cached_tokens": _count(
            span,
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.details.cache_read_tokens",
            "llm.token_count.prompt_details.cache_read",
        ),
        "cache_write_tokens": _count(
            span,
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
            "gen_ai.usage.details.cache_write_tokens",
            "llm.token_count.prompt_details.cache_write",
        )
        or None,
        "reasoning_tokens": _count(
            span,
            "gen_ai.usage.reasoning.output_tokens",
            "gen_ai.usage.details.reasoning_tokens",
            "llm.token_count.completion_details.reasoning",
        ),
        "model": _text(span, "gen_ai.response.model") or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def messages_of(span: Any, part: str) -> Any:
    """Return the ``input`` or the ``output`` of a model call, or "" if the span has none."""
    return _parsed(_text(span, f"gen_ai.{part}.messages", f"{part}.value"))


def ending_of(span: Any) -> tuple[str, str]:
    """Return the status and a message.

    The status is ``succeeded``, ``failed``, ``cancelled``, or "" if the span does not say it.
    """
    types: list[str] = [_text(span, "error.type")]
    message = ""
    for event in span.events:
        if event.name == "exception":
            about = event.attributes or {}
            type_, text = about.get("exception.type"), about.get("exception.message")
            types.append(str(type_ or ""))
            message = ": ".join(str(part) for part in (type_, text) if part)[:500]
    code = span.status.status_code.name
    message = message or str(span.status.description or types[0])[:500]
    # An interrupt waits for a person: this span ends, and another span continues the work.
    if any("Cancelled" in type_ or "GraphInterrupt" in type_ for type_ in types):
        return "cancelled", message
    if code == "ERROR" or types[0]:
        return "failed", message
    return ("succeeded" if code == "OK" else ""), ""


def _text(span: Any, *names: str) -> str:
    attributes = span.attributes or {}
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def _count(span: Any, *names: str) -> int | None:
    attributes = span.attributes or {}
    for name in names:
        value = attributes.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
