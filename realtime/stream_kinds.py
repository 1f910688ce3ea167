"""The kinds of streams; the wire contract has their channels."""

STREAM_KINDS = ("run", "graph", "mission")
