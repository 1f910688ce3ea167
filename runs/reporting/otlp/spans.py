"""A span, as far as CrewOps uses it, and the attributes that are read from it."""

from collections.abc import Sized
from dataclasses import dataclass, field
from typing import Any

from runs.reporting.report_body import TooLarge

OPERATION = "gen_ai.operation.name"
AGENT = ("gen_ai.agent.name", "agent_name", "agent.name", "graph.node.agent")
GROUPS_AT_MOST = 10_000  # resources of a call, and scopes of a resource
TEXT_LIMIT = 16_384  # characters of an attribute's text; the rest is cut before it is stored

NAMES = """
    gen_ai.operation.name gen_ai.agent.name gen_ai.agent.id gen_ai.workflow.name
    gen_ai.conversation.id session.id gcp.vertex.agent.session_id
    gen_ai.tool.name gen_ai.tool.call.arguments gen_ai.tool.call.result
    tool_arguments tool_response gcp.vertex.agent.tool_call_args gcp.vertex.agent.tool_response
    gen_ai.provider.name gen_ai.system gen_ai.request.model gen_ai.response.model
    gen_ai.response.finish_reasons gen_ai.usage.input_tokens gen_ai.usage.output_tokens
    gen_ai.usage.prompt_tokens gen_ai.usage.completion_tokens
    gen_ai.usage.cache_read.input_tokens gen_ai.usage.cache_read_input_tokens
    gen_ai.usage.details.cache_read_tokens gen_ai.usage.cache_creation.input_tokens
    gen_ai.usage.cache_creation_input_tokens gen_ai.usage.details.cache_write_tokens
    gen_ai.usage.reasoning.output_tokens
    gen_ai.usage.reasoning_tokens gen_ai.usage.details.reasoning_tokens
    error.type exception.type exception.message mcp.method.name agent_name logfire.span_type
    openinference.span.kind tool.name agent.name input.value output.value metadata
    llm.model_name llm.provider llm.system llm.finish_reason llm.request.type
    llm.token_count.prompt llm.token_count.completion
    llm.token_count.prompt_details.cache_read llm.token_count.prompt_details.cache_write
    llm.token_count.completion_details.reasoning
    traceloop.span.kind traceloop.entity.name traceloop.workflow.name traceloop.entity.input
    traceloop.entity.output crewops.crew service.name
"""
# The text that goes into and comes out of a model call.
INPUT = ("gen_ai.input.messages", "input.value")
OUTPUT = ("gen_ai.output.messages", "output.value")
# Only these are decoded. Captured prompts, often most of a span, are copied only for an
# organization that stores them.
WANTED = frozenset(NAMES.split())
WANTED_WITH_TEXT = WANTED | {*INPUT, *OUTPUT}


@dataclass(slots=True)
class Span:
    """One span that has ended. Ids are lower-case hex, times are seconds since 1970."""

    trace_id: str
    span_id: str
    parent_id: str  # empty: the root of its trace
    name: str
    start: float
    end: float
    attributes: dict[str, Any]
    resource: dict[str, Any]
    exceptions: list[dict[str, Any]] = field(default_factory=list)
    code: int = 0  # 0 unset, 1 ok, 2 error
    description: str = ""
    parent_is_remote: bool = False

    def text(self, *names: str) -> str:
        """The first of these attributes that is a text, or an empty text."""
        for name in names:
            value = self.attributes.get(name)
            if isinstance(value, str) and value:
                return value
        return ""

    def count(self, *names: str) -> int | None:
        """The first of these attributes that is a number of tokens."""
        for name in names:
            if (value := self.attributes.get(name)) is None:
                continue
            if isinstance(value, float) and value.is_integer():
                value = int(value)
            if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2**53:
                return value
        return None


def remote_parent(flags: int) -> bool:
    """Whether the span's parent is known to be in another process: two bits of its flags."""
    return flags & 0x300 == 0x300


class Malformed(Exception):
    """The span cannot be used. The text says why."""


def checked(span: Span) -> Span:
    if len(span.trace_id) != 32 or not span.trace_id.strip("0"):
        raise Malformed("traceId: must have 16 bytes and not be zero")
    if len(span.span_id) != 16 or not span.span_id.strip("0"):
        raise Malformed("spanId: must have 8 bytes and not be zero")
    if not span.parent_id.strip("0"):
        span.parent_id = ""
    elif len(span.parent_id) != 16:
        raise Malformed("parentSpanId: must have 8 bytes")
    if span.parent_id == span.span_id:
        raise Malformed("parentSpanId: is the span itself")
    if not span.start:
        raise Malformed("startTimeUnixNano: is missing")
    span.end = max(span.end, span.start)
    return span


def check_groups(groups: Sized) -> None:
    """Raise ``TooLarge`` if there are more resources or scopes than a call may have spans."""
    if len(groups) > GROUPS_AT_MOST:
        raise TooLarge(f"A call has at most {GROUPS_AT_MOST} resources or scopes. Send two calls.")
