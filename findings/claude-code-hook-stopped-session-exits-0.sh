#!/usr/bin/env bash
# @anthropic-ai/claude-code 2.1.332: `claude -p` that a hook has stopped ends like one that succeeded.
#
# A PreToolUse hook refuses the only call and answers `"continue": false` with a `stopReason`, as a
# guard that forbids a command would.
# Expected: an exit code other than 0, or a result with `is_error`, or the reason in the output.
# Seen: exit code 0, `"subtype": "success"`, `is_error` false, an empty result, and no Stop hook. The
# reason of the hook is nowhere. Only `terminal_reason` says `hook_stopped`, and without
# `--output-format json` nothing does. A script that goes on after `claude -p` goes on here, too.
# Needs npm, and Linux on x86-64.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$dir" \
    @anthropic-ai/claude-code-linux-x64@2.1.332
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
hooks = []
STOP = {
    "continue": False,
    "stopReason": "No deployment on Fridays.",
    "hookSpecificOutput": {
        "hookEventName": "PreToolUse",
        "permissionDecision": "deny",
        "permissionDecisionReason": "No deployment on Fridays.",
    },
}


class Server(BaseHTTPRequestHandler):
    """A model that calls one tool, and a hook that stops the session."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        if body.get("stream"):
            return self.call_tool(body)
        answer = {}
        if self.path == "/hook":
            hooks.append(body["hook_event_name"])
            answer = STOP if body["hook_event_name"] == "PreToolUse" else {}
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def call_tool(self, body):
        usage = {"input_tokens": 1, "output_tokens": 1}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [],
                   "model": body["model"], "stop_reason": None, "usage": usage}
        block = {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {}}
        given = json.dumps({"command": "touch deployed", "description": "deploy"})
        events = [
            ("message_start", {"message": message}),
            ("content_block_start", {"index": 0, "content_block": block}),
            ("content_block_delta",
             {"index": 0, "delta": {"type": "input_json_delta", "partial_json": given}}),
            ("content_block_stop", {"index": 0}),
            ("message_delta", {"delta": {"stop_reason": "tool_use"}, "usage": usage}),
            ("message_stop", {}),
        ]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for kind, fields in events:
            data = json.dumps({"type": kind, **fields})
            self.wfile.write(f"event: {kind}\ndata: {data}\n\n".encode())

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_address[1]}"
hook = [{"hooks": [{"type": "http", "url": f"{url}/hook", "timeout": 5}]}]
settings = root / "settings.json"
names = ("PreToolUse", "PostToolUse", "PostToolBatch", "Stop", "StopFailure", "SessionEnd")
settings.write_text(json.dumps({"hooks": {name: hook for name in names}}))
ended = subprocess.run(
    [root / "node_modules/@anthropic-ai/claude-code-linux-x64/claude", "-p", "Deploy it",
     "--output-format", "json", "--settings", settings, "--model", "claude-sonnet-4-5"],
    cwd=project, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90,
    env={"PATH": os.environ["PATH"], "HOME": str(home), "ANTHROPIC_BASE_URL": url,
         "ANTHROPIC_API_KEY": "none", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
         "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
)
result = json.loads(ended.stdout)
shown = {name: result[name] for name in ("subtype", "is_error", "result", "terminal_reason")}
print("exit code", ended.returncode, shown, "hooks:", *hooks)
assert not (project / "deployed").exists()
assert ended.returncode == 0
assert shown == {"subtype": "success", "is_error": False, "result": "",
                 "terminal_reason": "hook_stopped"}
assert "Fridays" not in ended.stdout + ended.stderr
assert hooks == ["PreToolUse", "SessionEnd"]
PY
