#!/usr/bin/env bash
# mcp 2.3.0: the text of a tool's exception does not reach the client.
#
# Expected, as in the 1.x series: "Error executing tool weigh: the scale is broken".
# Seen: "Error executing tool weigh". Wrong arguments and an unknown tool do say what is wrong, so
# only the tool's own reason is missing. raise ToolError("…") sends its text.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check mcp==2.3.0
"$dir/venv/bin/python" - 2>"$dir/log" <<'PY'
import asyncio

from mcp import Client
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("depot")


@server.tool()
def weigh(parcel: str) -> str:
    raise ValueError("the scale is broken")


@server.tool()
def stamp(parcel: str) -> str:
    raise ToolError("the stamp is dry")


async def main():
    async with Client(server) as client:
        for name, arguments, text in [
            ("weigh", {"parcel": "a"}, "Error executing tool weigh"),
            ("stamp", {"parcel": "a"}, "Error executing tool stamp: the stamp is dry"),
            ("nope", {}, "Unknown tool: nope"),
        ]:
            result = await client.call_tool(name, arguments)
            print(f"{name}: is_error {result.is_error}, {result.content[0].text!r}")
            assert result.is_error
            assert result.content[0].text == text


asyncio.run(main())
PY
