"""Documents that describe the wire contract, made from the kinds of events and control frames.

``make event-docs`` writes the files. ``tests/test_event_documents.py`` fails when one is out of
date. ``npm run frame-types`` makes the types of the browser client from the JSON Schema.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args, get_origin, is_typeddict

import msgspec
import yaml

from realtime.sockets import frames
from realtime.sockets.frames import Frame
from realtime.stream_kinds import STREAM_KINDS
from runs.events.kinds import KINDS, Event

SCHEMA = Path("docs/frames.schema.json")
ASYNCAPI = Path("docs/asyncapi.yaml")
PROTOCOL = Path("docs/protocol.md")

# The control frames that a listener of the browser client gets in addition to the events of its
# stream.
CONTROL = {"Run": ["Reset"], "Graph": ["Snapshot", "Reset", "Gone"], "Mission": ["Reset", "Gone"]}
LOGGED = {
    "seq": {"type": "integer", "minimum": 1, "description": "1, 2, 3 ... in its stream."},
    "timestamp": {"type": "string", "format": "date-time", "description": "UTC, with a Z."},
    "stream": {"type": "string", "description": "The stream's name; only on /ws/live."},
    "truncated": {"const": True, "description": "The event was cut to 64 KiB."},
}


def files() -> dict[Path, str]:
    """Return the expected text of each file, by its path from the project's root."""
    definitions = _definitions()
    messages = [f"{name}Message" for name in CONTROL]
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    schema |= _any_of("Frame", [*messages, *map(_name, frames.SERVER)]) | {"$defs": definitions}
    return {
        SCHEMA: json.dumps(schema, indent=2, ensure_ascii=False) + "\n",
        ASYNCAPI: yaml.safe_dump(_asyncapi(definitions), sort_keys=False, width=100),
        PROTOCOL: _with_tables(PROTOCOL.read_text()),
    }


def _name(kind: type[Event] | type[Frame]) -> str:
    """``ToolStartEvent``, ``HelloFrame``."""
    return f"{kind.__name__.removesuffix('Frame')}{'Event' if issubclass(kind, Event) else 'Frame'}"


def _frames() -> list[str]:
    """The names of all events and frames that a server sends."""
    return [_name(kind) for kind in (*KINDS.values(), *frames.SERVER)]


def _any_of(title: str, names: Iterable[str]) -> dict[str, Any]:
    return {"title": title, "anyOf": [{"$ref": f"#/$defs/{name}"} for name in names]}


def _definitions() -> dict[str, Any]:
    """JSON Schemas by name: every frame, its nested types, and the union for each client class."""
    structs = (*KINDS.values(), *frames.SERVER, *frames.CLIENT)
    _, components = msgspec.json.schema_components(structs, ref_template="#/$defs/{name}")
    definitions = {}
    names = {kind.__name__: _name(kind) for kind in structs}
    for own, schema in components.items():
        name = names.get(own, own)
        schema["title"] = name
        schema.pop("additionalProperties", None)  # new fields may appear
        if own in names:
            type_ = schema["properties"]["type"]
            schema["properties"]["type"] = {"const": type_["enum"][0]}
        if name.endswith("Event"):
            schema["properties"] |= LOGGED
            schema["required"] += ["seq", "timestamp"]
        definitions[name] = schema
    for name, control in CONTROL.items():
        stream = name.lower()
        events = [_name(kind) for kind in KINDS.values() if kind.stream == stream]
        definitions[f"{name}Event"] = _any_of(f"{name}Event", events)
        members = [f"{name}Event", *(f"{kind}Frame" for kind in control)]
        definitions[f"{name}Message"] = _any_of(f"{name}Message", members)
    return definitions


def _asyncapi(definitions: dict[str, Any]) -> dict[str, Any]:
    def sent(stream: str) -> list[type]:
        if stream == "live":
            return [*KINDS.values(), *frames.SERVER]
        figures = frames.METRICS if stream == "metric" else ()
        events = (k for k in KINDS.values() if k.stream == stream)
        return [*events, *figures, *frames.OF_EVERY_SOCKET]

    id_ = {"description": "A UUID."}
    addresses = {
        "run": ("/ws/runs/{run_id}", {"run_id": id_}),
        "graph": ("/ws/graph/{crew_id}", {"crew_id": id_}),
        "graphs": ("/ws/graph", {}),
        "mission": ("/ws/mission", {}),
        "live": ("/ws/live", {}),
        "metrics": ("/ws/metrics", {}),
    }
    event_streams = {
        "run_events": ("/sse/runs/{run_id}", {"run_id": id_}),
        "graph_events": ("/sse/graph/{crew_id}", {"crew_id": id_}),
        "mission_events": ("/sse/mission", {}),
    }
    channels, operations = {}, {}
    for channel, (address, parameters) in (addresses | event_streams).items():
        over_http = channel in event_streams
        kinds = [_name(kind) for kind in sent(channel.removesuffix("_events").removesuffix("s"))]
        taken = frames.CLIENT if channel == "live" else frames.TO_EVERY_SOCKET
        given = [] if over_http else [_name(kind) for kind in taken]
        channels[channel] = {
            "address": address,
            "messages": {
                name: {"$ref": f"#/components/messages/{name}"} for name in [*kinds, *given]
            },
            "servers": [{"$ref": f"#/servers/{'event_streams' if over_http else 'local'}"}],
            "bindings": {} if over_http else {"ws": {"bindingVersion": "0.1.0"}},
        }
        if parameters:
            channels[channel]["parameters"] = parameters
        for action, verb, names in (("send", "send", kinds), ("receive", "take", given)):
            operations[f"{verb}_{channel}"] = {
                "action": action,
                "channel": {"$ref": f"#/channels/{channel}"},
                "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names],
            }
        if over_http:
            del operations[f"take_{channel}"]
    schemas = json.loads(json.dumps(definitions).replace('"#/$defs/', '"#/components/schemas/'))
    messages = {
        name: {
            "name": schemas[name]["properties"]["type"]["const"],
            "summary": schemas[name].get("description", ""),
            "payload": {"$ref": f"#/components/schemas/{name}"},
        }
        for name in [*_frames(), *(_name(kind) for kind in frames.CLIENT)]
    }
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "CrewOps sockets",
            "version": "1.0.0",
            "description": "Events of runs, crews and tools, live. docs/protocol.md explains them.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": "localhost:8000",
                "protocol": "ws",
                "description": (
                    "Frames are JSON. With the subprotocol crewops.msgpack they are "
                    "MessagePack, and `output` is the bytes of its text."
                ),
                "security": [{"$ref": "#/components/securitySchemes/bearer"}],
            },
            "event_streams": {
                "host": "localhost:8000",
                "protocol": "http",
                "description": "Server-Sent Events.",
                "security": [{"$ref": "#/components/securitySchemes/bearer"}],
            },
        },
        "channels": channels,
        "operations": operations,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "messages": messages,
            "schemas": schemas,
        },
    }


def _with_tables(page: str) -> str:
    """Return the page with new tables between its ``made from the kinds`` marks."""
    for stream in STREAM_KINDS:
        lines = [_line(kind) for kind in KINDS.values() if kind.stream == stream]
        table = "\n".join(["| type | fields | when |", "|---|---|---|", *lines])
        before, start, rest = page.partition(f"<!-- {stream} events, made from the kinds -->\n")
        _, end, after = rest.partition(f"<!-- /{stream} -->\n")
        assert start, f"{PROTOCOL} has no mark for the {stream} events"
        assert end, f"{PROTOCOL} does not end the {stream} events"
        page = f"{before}{start}{table}\n{end}{after}"
    return page


def _line(kind: type[Event]) -> str:
    fields = []
    for field in msgspec.structs.fields(kind):
        if field.name not in ("crew_id", "run_id"):
            optional = "" if field.required else "?"
            fields.append(f"`{field.name}{optional}{_shape(field.type)}`")
    when = " ".join((kind.__doc__ or "").replace("``", "`").split())
    return f"| `{kind.__struct_config__.tag}` | {', '.join(fields)} | {when} |"


def _shape(type_: Any) -> str:
    """Return ``: {keys}`` for an object, ``: [{keys}]`` for a list of objects, else nothing.

    A key that may be missing ends with a question mark.
    """
    of_list = get_origin(type_) is list
    inner = get_args(type_)[0] if of_list else type_
    if not is_typeddict(inner):
        return ""
    optional = inner.__optional_keys__
    keys = "{" + ", ".join(f"{k}?" if k in optional else k for k in inner.__annotations__) + "}"
    return f": [{keys}]" if of_list else f": {keys}"
