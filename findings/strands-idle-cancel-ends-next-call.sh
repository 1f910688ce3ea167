#!/usr/bin/env bash
# strands-agents 1.62.0: agent.cancel() while nothing runs ends the next call of that agent.
#
# A "stop" button that is pressed a moment after the call has ended is such a cancel.
# Expected: nothing to cancel, so nothing happens.
# Seen: the next call asks the model, drops its answer and returns stop_reason "cancelled". The one
# after works.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check strands-agents==1.62.0
"$dir/venv/bin/python" - <<'PY'
from strands import Agent
from strands.models import Model


class AnswersOk(Model):
    """Answers "ok" and counts how often it was asked."""

    asked = 0

    def update_config(self, **config): ...

    def get_config(self):
        return {}

    async def structured_output(self, *args, **kwargs):
        yield {}

    async def stream(self, messages, *args, **kwargs):
        self.asked += 1
        yield {"messageStart": {"role": "assistant"}}
        yield {"contentBlockStart": {"start": {}}}
        yield {"contentBlockDelta": {"delta": {"text": "ok"}}}
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "end_turn"}}


model = AnswersOk()
agent = Agent(model=model, callback_handler=None)
results = [agent("first")]
agent.cancel()  # the first call has ended
results += [agent("second"), agent("third")]
reasons = [result.stop_reason for result in results]
answers = [str(result).strip() for result in results]
print("stop reasons:", reasons, "answers:", answers, "model asked:", model.asked)
assert reasons == ["end_turn", "cancelled", "end_turn"]
assert answers[0] == answers[2] == "ok"
assert answers[1] != "ok"
assert model.asked == 3
PY
