#!/usr/bin/env bash
# @openai/codex 0.171.0: a command that outlives its `yield_time_ms` is killed at the end of
# `codex exec --json`, without a line and with exit code 0.
#
# Expected: codex waits for the command, or writes item.completed with a failure.
# Seen: item.started, turn.completed and exit code 0; no item.completed for the command, and what it
# was to write 2 s later is never written. A reader that waits for item.completed waits for ever.
# Needs npm, and Linux on x86-64.
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
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

root = Path(sys.argv[1])
project, home = root / "project", root / "home"
project.mkdir()
home.mkdir()
COMMAND = {"cmd": "touch began; sleep 2; touch ended", "yield_time_ms": 250}


class Model(BaseHTTPRequestHandler):
    """Calls a command, then says that it is done."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        if not self.path.endswith("/responses"):
            return
        usage = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
        said = [{"type": "output_text", "text": "Done.", "annotations": []}]
        item = {"type": "message", "role": "assistant", "id": "m1", "content": said}
        if not any(each["type"] == "function_call_output" for each in json.loads(body)["input"]):
            item = {"type": "function_call", "id": "f1", "call_id": "c1", "name": "exec_command",
                    "arguments": json.dumps(COMMAND)}
        for kind, fields in (
            ("response.created", {"response": {"id": "r1"}}),
            ("response.output_item.done", {"output_index": 0, "item": item}),
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
ran = subprocess.run(
    [codex, "exec", "--json", "--skip-git-repo-check",
     "--dangerously-bypass-approvals-and-sandbox", "Do it"],
    cwd=project, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60,
    env={"PATH": os.environ["PATH"], "HOME": str(home), "CODEX_HOME": str(home),
         "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
)
lines = [json.loads(line) for line in ran.stdout.splitlines()]
commands = [(line["type"], line["item"]["status"]) for line in lines
            if line.get("item", {}).get("type") == "command_execution"]
print(commands, lines[-1]["type"])
assert commands == [("item.started", "in_progress")]
assert lines[-1]["type"] == "turn.completed"
time.sleep(4)  # the command would have ended by now
assert (project / "began").exists() and not (project / "ended").exists()
PY
