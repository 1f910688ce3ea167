"""OpenAI Agents SDK: the error, the tokens and the texts in the data of a span."""

from typing import Any

from ..calls import LLM
from .common import captured


def error_of(error: Any) -> str:
    """Return the text of a span's error."""
    data = error.get("data") or {}
    more = data.get("error") or data.get("tool_name")
    return (f"{error.get('message')}: {more}" if more else str(error.get("message")))[:500]


def usage_of(call: LLM, data: Any) -> str | None:
    """Report texts and tokens of the call, and return why it finished."""
    response = getattr(data, "response", None)
    if text := captured(call, getattr(data, "input", None)):
        call.input(text)  # the SDK's model sets it after the span's start
    answer = getattr(data, "output", None) or getattr(response, "output", None)
    call.result(captured(call, answer))
    usage = getattr(response, "usage", None) or getattr(data, "usage", None)
    details = _of(usage, "input_tokens_details")
    call.usage(
        input=_of(usage, "input_tokens"),
        output=_of(usage, "output_tokens"),
        cached=_of(details, "cached_tokens"),
        cache_write=_of(details, "cache_write_tokens"),
        reasoning=_of(_of(usage, "output_tokens_details"), "reasoning_tokens"),
        model=getattr(response, "model", None),
    )
    return getattr(response, "status", None)


def _of(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)
