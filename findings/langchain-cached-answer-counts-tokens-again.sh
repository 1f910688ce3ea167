#!/usr/bin/env bash
# langchain 1.5.2 with langchain-core 1.8.3: an answer from the cache reports the tokens of the call
# that filled it.
#
# A chat model has a cache. The same question is asked three times, the model once.
# Expected: on_llm_end is not called for an answer from the cache, or its usage_metadata is empty or
# zero: nothing was spent.
# Seen: on_chat_model_start and on_llm_end are called each time, with the tokens of the first call.
# UsageMetadataCallbackHandler, langchain-core's own counter, counts 300 input tokens for 100. The
# only sign of the cache is a key `total_cost: 0` within usage_metadata.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    langchain==1.5.2 langchain-core==1.8.3
"$dir/venv/bin/python" - <<'PY'
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler, UsageMetadataCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult

asked, called = [], []
USAGE = {"input_tokens": 100, "output_tokens": 5, "total_tokens": 105}


class Scripted(BaseChatModel):
    """Answers "2 kg"."""

    @property
    def _llm_type(self):
        return "scripted"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        asked.append(messages[-1].content)
        about = {"model_name": "stub"}
        message = AIMessage("2 kg", usage_metadata=USAGE, response_metadata=about)
        return ChatResult(generations=[ChatGeneration(message=message)])


class Listener(BaseCallbackHandler):
    def on_chat_model_start(self, *args, **kwargs):
        called.append("start")

    def on_llm_end(self, response, **kwargs):
        called.append(response.generations[0][0].message.usage_metadata)


counter = UsageMetadataCallbackHandler()
model = Scripted(cache=InMemoryCache())
for _ in range(3):
    model.invoke("How heavy is parcel a?", config={"callbacks": [counter, Listener()]})
counted = counter.usage_metadata["stub"]["input_tokens"]
print(f"model asked {len(asked)} time(s), 100 input tokens each; counted {counted}")
print(*called, sep="\n")
assert len(asked) == 1
assert counted == 300
assert called == ["start", USAGE] + 2 * ["start", {**USAGE, "total_cost": 0}]
PY
