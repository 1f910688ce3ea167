#!/usr/bin/env bash
# @openai/codex 0.171.0: `usage` of `turn.completed` in `codex exec resume --json` includes the
# turns of earlier processes, and the ids of items begin again.
#
# Expected: the tokens of this turn, or at least of this process; ids that are unique in a thread.
# Seen: the first process reports 100 input tokens. The one that resumes its thread makes one call
# of the model with 100 tokens and reports 200, under the same thread_id, and `item_1` comes again.
# Who sums what each process reports counts 300. Needs npm, and Linux on x86-64.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$dir" @openai/codex@0.171.0
python3 - "$dir" <<'PY'
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

root = Path(sys.argv[1])
project, home = root / "project", root / "home"
project.mkdir()
home.mkdir()
calls = []


class Model(BaseHTTPRequestHandler):
    """Answers each call with one message: 100 tokens in, 20 out."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        if not self.path.endswith("/responses"):
            return
        calls.append(self.path)
        usage = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
        said = [{"type": "output_text", "text": "Done.", "annotations": []}]
        message = {"type": "message", "role": "assistant", "id": "m1", "content": said}
        for kind, fields in (
            ("response.created", {"response": {"id": "r1"}}),
            ("response.output_item.done", {"output_index": 0, "item": message}),
            ("response.completed", {"response": {"id": "r1", "usage": usage}}),
        ):
            data = json.dumps({"type": kind, **fields})
            self.wfile.write(f"event: {kind}\ndata: {data}\n\n".encode())

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
(home / "config.toml").write_text(f"""
model = "gpt-5.1"
model_provider = "stub"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.stub]
name = "stub"
base_url = "http://127.0.0.1:{server.server_address[1]}/v1"
wire_api = "responses"
""")
(codex,) = root.glob("node_modules/@openai/codex-linux-x64/vendor/*/bin/codex")


def run(*arguments):
    before = len(calls)
    ran = subprocess.run(
        [codex, "exec", *arguments, "--json", "--skip-git-repo-check", "Say it"],
        cwd=project, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "CODEX_HOME": str(home),
             "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
    )
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    (thread,) = [line["thread_id"] for line in lines if line["type"] == "thread.started"]
    (usage,) = [line["usage"] for line in lines if line["type"] == "turn.completed"]
    ids = {line["item"]["id"] for line in lines if line["type"] == "item.completed"}
    print(f"calls {len(calls) - before}, input_tokens {usage['input_tokens']}, items {sorted(ids)}")
    return thread, len(calls) - before, usage["input_tokens"], ids


first = run()
second = run("resume", "--last")
assert first[1:3] == (1, 100)
assert second[1:3] == (1, 200)
assert first[0] == second[0] and first[3] & second[3]
PY
