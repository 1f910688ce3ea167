"""Which attributes are read from spans, in the dialects of docs/integrations/opentelemetry.md.

A span has no others: an attribute that is not listed here is not decoded. Where several names have
one meaning, the first that a span has counts.
"""

_listed: set[str] = set()


def _read(*names: str) -> tuple[str, ...]:
    _listed.update(names)
    return names


# Of the resource.
CREW = _read("crewops.crew", "service.name")
# What the span is.
OPERATION = _read("gen_ai.operation.name")
OPENINFERENCE_KIND = _read("openinference.span.kind")
OPENLLMETRY_KIND = _read("traceloop.span.kind")
OPENLLMETRY_REQUEST = _read("llm.request.type")
LOGFIRE_TYPE = _read("logfire.span_type")
MCP_METHOD = _read("mcp.method.name")
CONVERSATION = _read("gen_ai.conversation.id", "session.id", "gcp.vertex.agent.session_id")
# The agent.
AGENT = _read("gen_ai.agent.name", "agent_name", "agent.name")
AGENT_OF_OWN_SPAN = _read("traceloop.entity.name", "gen_ai.agent.id")
METADATA = _read("metadata")  # LangChain's, as JSON
WORKFLOW = _read("gen_ai.workflow.name", "traceloop.workflow.name", "traceloop.entity.name")
# The tool.
TOOL_BY_CONVENTION = _read("gen_ai.tool.name")
TOOL = _read(*TOOL_BY_CONVENTION, "tool.name", "traceloop.entity.name")
PARAMS = _read(
    "gen_ai.tool.call.arguments",
    "tool_arguments",
    "gcp.vertex.agent.tool_call_args",
    "input.value",
    "traceloop.entity.input",
)
RESULT = _read(
    "gen_ai.tool.call.result",
    "tool_response",
    "gcp.vertex.agent.tool_response",
    "output.value",
    "traceloop.entity.output",
)
# The model call.
PROVIDER = _read("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")
ANSWERING_MODEL = _read("gen_ai.response.model")
MODEL = _read("gen_ai.request.model", "llm.model_name", *ANSWERING_MODEL)
INPUT_TOKENS = _read(
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.token_count.prompt",
)
OUTPUT_TOKENS = _read(
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.token_count.completion",
)
CACHED_TOKENS = _read(
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.details.cache_read_tokens",
    "llm.token_count.prompt_details.cache_read",
)
CACHE_WRITE_TOKENS = _read(
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "gen_ai.usage.details.cache_write_tokens",
    "llm.token_count.prompt_details.cache_write",
)
REASONING_TOKENS = _read(
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
    "gen_ai.usage.details.reasoning_tokens",
    "llm.token_count.completion_details.reasoning",
)
FINISH_REASONS = _read("gen_ai.response.finish_reasons")
FINISH_REASON = _read("llm.finish_reason")
# The end. The last two are of the span's exceptions.
ERROR_TYPE = _read("error.type")
EXCEPTION_TYPE, EXCEPTION_MESSAGE = _read("exception.type", "exception.message")

WANTED = frozenset(_listed)
# The text that goes into and comes out of a model call. Captured prompts, often most of a span, are
# decoded only for an organization that stores them.
INPUT = ("gen_ai.input.messages", "input.value")
OUTPUT = ("gen_ai.output.messages", "output.value")
WANTED_WITH_TEXT = WANTED | {*INPUT, *OUTPUT}
