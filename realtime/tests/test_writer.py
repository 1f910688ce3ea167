"""Writing several frames at once: in order, as many as fit, none in part."""

import pytest

from realtime.servers.encodings import frame_of
from realtime.servers.writer import BLOCK_BYTES, FrameWriter


class Transport(FrameWriter):
    """Takes so many bytes, and then the block that is too much, as a transport's buffer does."""

    def __init__(self, room: int) -> None:
        self.blocks: list[bytes] = []
        self._room = room

    def write(self, frame: bytes) -> bool:
        if sum(map(len, self.blocks)) > self._room:
            return False
        self.blocks.append(frame)
        return True


TEXTS = [frame_of(f"{number} " + "ü" * 1000) for number in range(100)]
LARGE = [frame_of("🦀" * 16_000)] * 6


@pytest.mark.parametrize("texts", [TEXTS, LARGE, TEXTS[:1], []], ids=len)
def test_what_fits_goes_in_few_writes(texts):
    transport = Transport(room=10**9)
    assert transport.write_some(texts) == len(texts)
    assert b"".join(transport.blocks) == b"".join(texts)
    longest = max(map(len, texts), default=0)
    assert all(len(block) < BLOCK_BYTES + longest for block in transport.blocks)
    assert all(len(block) >= BLOCK_BYTES for block in transport.blocks[:-1])


@pytest.mark.parametrize("room", [0, 1, BLOCK_BYTES, 3 * BLOCK_BYTES])
@pytest.mark.parametrize("texts", [TEXTS, LARGE], ids=len)
def test_what_does_not_fit_is_counted_out(texts, room):
    transport = Transport(room)
    written = transport.write_some(texts)
    assert 0 < written < len(texts)
    assert b"".join(transport.blocks) == b"".join(texts[:written])
    assert transport.write_some(texts[written:]) == 0
