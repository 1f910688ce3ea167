"""Model calls of a reported run, as lines of its history."""

from collections.abc import Iterator, Mapping

from runs import usage_format
from runs.models import ModelCall
from runs.pages.history import Entry


def of_call(call: ModelCall, names: Mapping[str, str]) -> Iterator[Entry]:
    agent = {"agent_id": call.agent_id, "agent": names.get(call.agent_id, call.agent_id)}
    about = {"id": str(call.pk), "what": call.model or "A model", "execution": call, **agent}
    yield Entry("llm_start", at=call.started_at, **about)
    if call.ended_at:
        yield Entry(
            "llm_end", at=call.ended_at, status=call.status, detail=figures_of(call), **about
        )


def figures_of(call: ModelCall) -> str:
    """Return the figures of an ended call: ``812 in, 94 out, $0.0034, first token after 0.4 s``."""
    if call.input_tokens is None and call.output_tokens is None:
        parts = ["tokens unknown"]
    else:
        parts = [
            f"{usage_format.tokens(call.input_tokens)} in",
            f"{usage_format.tokens(call.output_tokens)} out",
        ]
    parts.append("cost unknown" if call.cost_usd is None else usage_format.usd(call.cost_usd))
    if call.first_token_s is not None:
        parts.append(f"first token after {call.first_token_s:.1f} s")
    return ", ".join([*parts, *filter(None, [call.message])])
