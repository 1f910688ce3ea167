#!/usr/bin/env bash
# @anthropic-ai/claude-code 2.1.332: a command that SIGINT interrupts while it runs is reported as
# rejected by the user, and the exit code is 0.
#
# Expected: a result that says "interrupted", PostToolUseFailure with is_interrupt, an exit code
# other than 0.
# Seen: the tool's result says "The tool use was rejected" and "user-rejected", as for a call that
# never ran, although its first part had run; no hook but SessionEnd; exit code 0. Only `is_error`
# and `terminal_reason` of the result line show that the run did not succeed.
# Needs npm, and Linux on x86-64.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$dir" \
    @anthropic-ai/claude-code-linux-x64@2.1.332
python3 - "$dir" <<'PY'
import json
import os
import signal
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
COMMAND = {"command": "touch began; sleep 30", "description": "wait"}
hooks = []


class Server(BaseHTTPRequestHandler):
    """A model that calls Bash once, and what the hooks are sent to."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        if self.path == "/hook":
            hooks.append(body["hook_event_name"])
        if body.get("stream"):
            return self.stream(body)
        data = b"{}"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        usage = {"input_tokens": 1, "output_tokens": 1}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [],
                   "model": body["model"], "stop_reason": None, "usage": usage}
        block = {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(COMMAND)}
        for kind, fields in (
            ("message_start", {"message": message}),
            ("content_block_start", {"index": 0, "content_block": block}),
            ("content_block_delta", {"index": 0, "delta": delta}),
            ("content_block_stop", {"index": 0}),
            ("message_delta", {"delta": {"stop_reason": "tool_use"}, "usage": usage}),
            ("message_stop", {}),
        ):
            data = json.dumps({"type": kind, **fields})
            self.wfile.write(f"event: {kind}\ndata: {data}\n\n".encode())

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_address[1]}"
hook = [{"hooks": [{"type": "http", "url": f"{url}/hook", "timeout": 5}]}]
names = ("PreToolUse", "PostToolUse", "PostToolUseFailure", "PostToolBatch", "Stop", "SessionEnd")
settings = root / "settings.json"
settings.write_text(json.dumps({"hooks": {name: hook for name in names}}))
process = subprocess.Popen(
    [root / "node_modules/@anthropic-ai/claude-code-linux-x64/claude", "-p", "Wait",
     "--settings", settings, "--output-format", "stream-json", "--verbose",
     "--model", "claude-sonnet-4-5", "--dangerously-skip-permissions"],
    cwd=project, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    env={"PATH": os.environ["PATH"], "HOME": str(home), "ANTHROPIC_BASE_URL": url,
         "ANTHROPIC_API_KEY": "none", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
         "IS_SANDBOX": "1", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
)
until = time.monotonic() + 60
while not (project / "began").exists() and process.poll() is None and time.monotonic() < until:
    time.sleep(0.05)
process.send_signal(signal.SIGINT)
out, err = process.communicate(timeout=60)
lines = [json.loads(line) for line in out.splitlines()]
results = [line for line in lines if line["type"] == "user" and "tool_result_meta" in line]
(last,) = [line for line in lines if line["type"] == "result"]
print("exit code", process.returncode, "began", (project / "began").exists(), "hooks", hooks)
print(json.dumps(results[0]["message"]["content"])[:160], results[0]["tool_result_meta"])
print({name: last[name] for name in ("is_error", "terminal_reason")})
assert (project / "began").exists() and process.returncode == 0, err
assert "The tool use was rejected" in results[0]["message"]["content"][0]["content"]
assert results[0]["tool_result_meta"][0]["non_execution_kind"] == "user-rejected"
assert hooks == ["PreToolUse", "SessionEnd"]
assert last["is_error"] and last["terminal_reason"] == "aborted_tools"
PY
