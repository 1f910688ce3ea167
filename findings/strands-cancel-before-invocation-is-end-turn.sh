#!/usr/bin/env bash
# strands-agents 1.62.0: a call that a BeforeInvocationEvent hook cancels ends as "end_turn".
#
# Expected: stop_reason "cancelled", as after agent.cancel().
# Seen: stop_reason "end_turn" and the hook's text as the agent's answer. The model was not asked.
# A caller cannot distinguish the refused call from an answer.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check strands-agents==1.62.0
"$dir/venv/bin/python" - <<'PY'
from strands import Agent
from strands.hooks import BeforeInvocationEvent, HookProvider
from strands.models import Model


class NeverAsked(Model):
    def update_config(self, **config): ...

    def get_config(self):
        return {}

    async def structured_output(self, *args, **kwargs):
        yield {}

    async def stream(self, *args, **kwargs):
        raise RuntimeError("the model was asked")
        yield


class Closed(HookProvider):
    def register_hooks(self, registry, **kwargs):
        registry.add_callback(BeforeInvocationEvent, self.refuse)

    def refuse(self, event):
        event.cancel = "the depot is closed"


result = Agent(model=NeverAsked(), hooks=[Closed()], callback_handler=None)("Weigh the parcel.")
print("stop reason:", result.stop_reason, "answer:", str(result).strip())
assert result.stop_reason == "end_turn"
assert str(result).strip() == "the depot is closed"
PY
