#!/usr/bin/env bash
# litellm 1.110.2: a streamed call that is left early or cancelled calls neither the success nor the
# failure callback.
#
# A CustomLogger in litellm.callbacks; the model's server has answered each call.
# Expected: each call that began (log_pre_api_call) ends with a success or a failure event, as a stream
# that is read to its end and a call that fails do. At the latest, when the stream is closed.
# Seen: after `break`, after aclose(), and after the task that reads is cancelled, no callback is
# called. The call stays open for who pairs them, and its tokens and cost are in no sum, although the
# provider bills what it has generated. Report the end around the stream, with try and finally.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check litellm==1.110.2
export HOME="$dir" LITELLM_LOCAL_MODEL_COST_MAP=True
"$dir/venv/bin/python" - 2>"$dir/log" <<'PY' || { cat "$dir/log" >&2; exit 1; }
import asyncio
import gc
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import litellm
from litellm.integrations.custom_logger import CustomLogger

seen = []


class Model(BaseHTTPRequestHandler):
    def do_POST(self):
        wish = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if wish["model"] == "broken":
            self.answer(500, "application/json", json.dumps({"error": {"message": "overloaded"}}))
            return
        chunk = {"id": "c", "created": 1, "model": "stub", "object": "chat.completion.chunk"}
        deltas = [({"content": word}, None) for word in ("2", " kg", " net")] + [({}, "stop")]
        chunks = [
            {**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
            for delta, reason in deltas
        ]
        lines = [f"data: {json.dumps(each)}\n\n" for each in chunks]
        self.answer(200, "text/event-stream", "".join(lines) + "data: [DONE]\n\n")

    def answer(self, status, kind, text):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args): ...


class Listener(CustomLogger):
    def log_pre_api_call(self, *args, **kwargs):
        seen.append("begun")

    async def async_log_success_event(self, *args, **kwargs):
        seen.append("success")

    async def async_log_failure_event(self, *args, **kwargs):
        seen.append("failure")

    def log_success_event(self, *args, **kwargs):
        seen.append("success")

    def log_failure_event(self, *args, **kwargs):
        seen.append("failure")


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
litellm.callbacks = [Listener()]


def ask(model="stub"):
    return litellm.acompletion(
        model=f"openai/{model}", messages=[{"role": "user", "content": "weigh"}], stream=True,
        api_base=f"http://127.0.0.1:{server.server_port}/v1", api_key="-", max_retries=0,
    )


async def read():
    async for _ in await ask():
        pass


async def fail():
    try:
        await ask("broken")
    except litellm.InternalServerError:
        pass


async def leave():
    async for _ in await ask():
        break


async def close():
    stream = await ask()
    await anext(aiter(stream))
    await stream.aclose()


async def cancel():
    begun = asyncio.Event()

    async def slowly():
        async for _ in await ask():
            begun.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(slowly())
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def main():
    found = {}
    for case in (leave, close, cancel, read, fail):
        seen.clear()
        await case()
        gc.collect()
        for _ in range(30):  # callbacks are called in the background
            await asyncio.sleep(0.1)
            if len(seen) > 1:
                break
        found[case.__name__] = list(seen)
        print(f"{case.__name__}: {seen}")
    return found


assert asyncio.run(main()) == {
    "leave": ["begun"], "close": ["begun"], "cancel": ["begun"],
    "read": ["begun", "success"], "fail": ["begun", "failure"],
}
PY
