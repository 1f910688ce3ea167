#!/usr/bin/env bash
# @anthropic-ai/claude-code 2.1.332: a call that is refused because nobody can approve it fires
# neither PermissionDenied nor PostToolUseFailure.
#
# Expected: the hook PermissionDenied, and PostToolUseFailure as for a call that fails.
# Seen: PreToolUse, PermissionRequest, then only PostToolBatch, which holds the reason as plain text
# in `tool_response`, as it would hold the output of a call that ran. A call of a tool that does not
# exist has no PreToolUse either. A program that pairs PreToolUse with PostToolUse and
# PostToolUseFailure keeps the refused call open for ever.
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
CALLS = [("toolu_1", "Bash", {"command": "touch began", "description": "touch"}),
         ("toolu_2", "Nope", {"x": 1})]
hooks = []


class Server(BaseHTTPRequestHandler):
    """A model that calls two tools, then ends, and what the hooks are sent to."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        if self.path == "/hook":
            hooks.append(body)
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
        calls = CALLS if len(body["messages"]) == 1 else []
        events = [("message_start", {"message": message})]
        for index, (id, name, given) in enumerate(calls):
            block = {"type": "tool_use", "id": id, "name": name, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(given)}
            events += [
                ("content_block_start", {"index": index, "content_block": block}),
                ("content_block_delta", {"index": index, "delta": delta}),
                ("content_block_stop", {"index": index}),
            ]
        reason = {"stop_reason": "tool_use" if calls else "end_turn"}
        events += [("message_delta", {"delta": reason, "usage": usage}), ("message_stop", {})]
        for kind, fields in events:
            data = json.dumps({"type": kind, **fields})
            self.wfile.write(f"event: {kind}\ndata: {data}\n\n".encode())

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_address[1]}"
hook = [{"hooks": [{"type": "http", "url": f"{url}/hook", "timeout": 5}]}]
names = ("PreToolUse", "PermissionRequest", "PermissionDenied", "PostToolUse",
         "PostToolUseFailure", "PostToolBatch", "Stop")
settings = root / "settings.json"
settings.write_text(json.dumps({"hooks": {name: hook for name in names}}))
subprocess.run(
    [root / "node_modules/@anthropic-ai/claude-code-linux-x64/claude", "-p", "Do it",
     "--settings", settings, "--model", "claude-sonnet-4-5"],
    cwd=project, stdin=subprocess.DEVNULL, check=True, timeout=90,
    env={"PATH": os.environ["PATH"], "HOME": str(home), "ANTHROPIC_BASE_URL": url,
         "ANTHROPIC_API_KEY": "none", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
         "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
)
seen = [(hook["hook_event_name"], hook.get("tool_use_id")) for hook in hooks]
print(*seen, sep="\n")
(batch,) = [hook for hook in hooks if hook["hook_event_name"] == "PostToolBatch"]
answers = {call["tool_use_id"]: call["tool_response"] for call in batch["tool_calls"]}
print(answers)
assert seen == [("PreToolUse", "toolu_1"), ("PermissionRequest", None), ("PostToolBatch", None),
                ("Stop", None)]
assert not (project / "began").exists() and isinstance(answers["toolu_1"], str)
assert "No such tool available" in answers["toolu_2"]
PY
