"""A model of both vendors' kinds, Anthropic's and OpenAI's, that says what a case wants."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SUB = "SUBJOB"  # in the prompt of a sub-agent
Step = dict[str, Any]


class Stub:
    """A model of both vendors' kinds that follows `steps`, and the place that hooks are sent to."""

    def __init__(self) -> None:
        self.steps: dict[str, list[Step]] = {}
        self.hooks: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []  # of the model, with streams as answers
        handler = type("Handler", (_Handler,), {"stub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def step(self, texts: str, number: int) -> Step:
        steps = self.steps.get("sub" if SUB in texts else "main", [])
        return steps[number] if number < len(steps) else {"text": "All done."}


class _Handler(BaseHTTPRequestHandler):
    stub: Stub

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        if self.path == "/hook":
            self.stub.hooks.append(body)
        if not body.get("stream"):
            return self.answer(200, {})
        self.stub.requests.append(body)
        is_claude = "messages" in body
        if is_claude:
            number = sum(each["role"] == "assistant" for each in body["messages"])
            first = json.dumps(body["messages"][0])
        else:
            number = sum(each["type"] == "function_call_output" for each in body["input"])
            first = ""
        step = self.stub.step(first, number)
        if "error" in step:
            error = {"type": "invalid_request_error", "message": "the model said no"}
            return self.answer(step["error"], {"type": "error", "error": error})
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for kind, fields in (_messages if is_claude else _responses)(step, number, body["model"]):
            data = json.dumps({"type": kind, **fields})
            self.wfile.write(f"event: {kind}\ndata: {data}\n\n".encode())
        return None

    def answer(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        """Not on the terminal."""


def _messages(step: Step, number: int, model: str) -> Iterator[tuple[str, dict[str, Any]]]:
    usage = {"input_tokens": 100, "cache_read_input_tokens": 50, "output_tokens": 1}
    message = {"id": f"msg_{number}", "type": "message", "role": "assistant", "content": []}
    message |= {"model": model, "stop_reason": None, "usage": usage}
    yield "message_start", {"message": message}
    blocks: list[tuple[dict[str, Any], dict[str, Any]]] = []
    if "text" in step:
        blocks = [({"type": "text", "text": ""}, {"type": "text_delta", "text": step["text"]})]
    for index, (name, given) in enumerate(step.get("tools", [])):
        own = f"toolu_{number}_{index}_{time.monotonic_ns() % 10**6}"
        block = {"type": "tool_use", "id": own, "name": name, "input": {}}
        blocks.append((block, {"type": "input_json_delta", "partial_json": json.dumps(given)}))
    for index, (block, delta) in enumerate(blocks):
        yield "content_block_start", {"index": index, "content_block": block}
        yield "content_block_delta", {"index": index, "delta": delta}
        yield "content_block_stop", {"index": index}
    reason = {"stop_reason": "tool_use" if "tools" in step else "end_turn"}
    yield "message_delta", {"delta": reason, "usage": {"output_tokens": 20}}
    yield "message_stop", {}


def _responses(step: Step, number: int, model: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "response.created", {"response": {"id": f"r{number}"}}
    said = [{"type": "output_text", "text": step.get("text"), "annotations": []}]
    item = {"type": "message", "role": "assistant", "id": f"m{number}", "content": said}
    for name, given in step.get("tools", []):
        item = {"type": "function_call", "id": f"f{number}", "call_id": f"c{number}"}
        item |= {"name": name, "arguments": json.dumps(given)}
    yield "response.output_item.done", {"output_index": 0, "item": item}
    usage = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
    usage |= {"input_tokens_details": {"cached_tokens": 50}}
    usage |= {"output_tokens_details": {"reasoning_tokens": 5}}
    yield "response.completed", {"response": {"id": f"r{number}", "usage": usage}}
