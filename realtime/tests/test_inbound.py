"""Which frames of a client are accepted."""

import json

import pytest

from realtime.sockets.inbound import FRAME_LIMIT, Malformed, parse


def ping(size: int, filler: str = "x") -> dict[str, str]:
    """A frame of ``size`` bytes."""
    bare = len(json.dumps({"type": "ping", "pad": ""}))
    pad = filler * ((size - bare) // len(filler.encode()))
    return {"text": json.dumps({"type": "ping", "pad": pad}, ensure_ascii=False)}


@pytest.mark.parametrize("filler", ["x", "\u20ac"])
def test_a_frame_that_is_too_large_is_malformed(filler):
    assert parse(ping(FRAME_LIMIT, filler), packed=False)["type"] == "ping"
    with pytest.raises(Malformed, match="at most 16384 bytes"):
        parse(ping(FRAME_LIMIT + 3, filler), packed=False)
