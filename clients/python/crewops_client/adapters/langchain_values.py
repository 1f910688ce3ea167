"""Read what LangChain gives its handlers: parameters of tools, documents, answers of models."""

from typing import Any

from ..calls import LLM
from .common import captured, quiet

# Parameters that LangChain may fill in itself. Its own versions since 1.0 do not report them.
INJECTED = ("runtime", "state", "store", "config", "callbacks", "run_manager")
DEPTH = 6  # deeper values are not shown


def shown(given: Any, text: str) -> dict[str, Any]:
    """Return a tool's parameters without the objects that LangChain has filled in."""
    if not isinstance(given, dict):
        return {"input": text}
    return {key: item for key, item in given.items() if key not in INJECTED or _is_plain(item)}


def _is_plain(value: Any, depth: int = 0) -> bool:
    """Return whether a model can have written the value, as JSON."""
    if depth > DEPTH or value is None or isinstance(value, str | int | float):
        return True
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return False
    return all(_is_plain(item, depth + 1) for item in value)


def found(documents: Any) -> str:
    """Return what is shown of the documents that a retriever has found: how many, not the text."""
    return f"{len(documents)} documents"


def is_update(name: Any, metadata: dict[str, Any]) -> bool:
    """Return whether a call without a parent is `update_state` of LangGraph: no part of a run."""
    if not str(name).endswith("UpdateState") or "thread_id" not in metadata:
        return False
    # These two are set for a graph or an agent of the program that has such a name.
    return metadata.get("ls_integration") != "langgraph" and metadata.get("lc_agent_name") != name


@quiet
def answered(call: LLM, response: Any) -> str | None:
    """Report the answer and its tokens, and return the finish reason.

    It does not raise, so that the call ends even if the response is unusual.
    """
    message = getattr(response.generations[0][0], "message", None)
    call.result(captured(call, [message] if message else response.generations[0][0].text))
    usage = getattr(message, "usage_metadata", None) or {}
    about = getattr(message, "response_metadata", None) or {}
    # The answer is from LangChain's cache, which repeats the tokens of the first call.
    if usage.get("total_cost") == 0:
        usage = {"input_tokens": 0, "output_tokens": 0}
    details = usage.get("input_token_details") or {}
    call.usage(
        input=usage.get("input_tokens"),
        output=usage.get("output_tokens"),
        cached=details.get("cache_read"),
        cache_write=_written(details),
        reasoning=(usage.get("output_token_details") or {}).get("reasoning"),
        model=about.get("model_name") or about.get("model"),
    )
    return about.get("finish_reason") or about.get("stop_reason")


def _written(details: dict[str, Any]) -> int:
    """Return the tokens written to the cache. Anthropic may count them by how long they stay."""
    lasting = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
    return details.get("cache_creation") or sum(details.get(name) or 0 for name in lasting)
