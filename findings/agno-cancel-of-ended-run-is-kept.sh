#!/usr/bin/env bash
# agno 3.1.10: cancelling a run that has ended answers False, and cancels the next use of its id.
#
# A caller that names runs itself (run_id=) may use an id again, for instance to try once more.
# Expected: False means that nothing was cancelled.
# Seen: the wish is stored. The next run with that id ends as cancelled; the one after completes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check agno==3.1.10
"$dir/venv/bin/python" - <<'PY'
from dataclasses import dataclass

from agno.agent import Agent
from agno.models.base import Model
from agno.models.response import ModelResponse


@dataclass
class AnswersOk(Model):
    id: str = "scripted"

    def invoke(self, *args, **kwargs):
        return ModelResponse(role="assistant", content="ok")

    async def ainvoke(self, *args, **kwargs):
        return self.invoke()

    def invoke_stream(self, *args, **kwargs):
        yield self.invoke()

    async def ainvoke_stream(self, *args, **kwargs):
        yield self.invoke()

    def _parse_provider_response(self, response, **kwargs):
        return response

    def _parse_provider_response_delta(self, response):
        return response


agent = Agent(model=AnswersOk(), telemetry=False)
statuses = [agent.run("first", run_id="nightly").status.name]
cancelled = Agent.cancel_run("nightly")  # it has ended
statuses += [agent.run(text, run_id="nightly").status.name for text in ("second", "third")]
print("cancel_run:", cancelled, "statuses:", statuses)
assert cancelled is False
assert statuses == ["completed", "cancelled", "completed"]
PY
