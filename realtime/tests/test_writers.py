"""Several frames at once: as many as the socket takes, in order, none of them in part."""

import pytest

from realtime.writers import BLOCK_BYTES, FrameWriter, frame_of


class Transport(FrameWriter):
    """Takes so many bytes, and then the block that is too much, as a transport's buffer does."""

    def __init__(self, room: int) -> None:
        self.blocks: list[bytes] = []
        self._room = room

    def write(self, text: str, frame: bytes) -> bool:
        if sum(map(len, self.blocks)) > self._room:
            return False
        self.blocks.append(frame)
        return True


TEXTS = [f"{number} " + "ü" * 1000 for number in range(100)]
LARGE = ["🦀" * 16_000] * 6


@pytest.mark.parametrize("texts", [TEXTS, LARGE, TEXTS[:1], []], ids=len)
def test_what_fits_goes_in_few_writes(texts):
    transport = Transport(room=10**9)
    assert transport.write_some(texts) == len(texts)
    assert b"".join(transport.blocks) == b"".join(map(frame_of, texts))
    longest = max((len(frame_of(text)) for text in texts), default=0)
    assert all(len(block) < BLOCK_BYTES + longest for block in transport.blocks)
    assert all(len(block) >= BLOCK_BYTES for block in transport.blocks[:-1])


@pytest.mark.parametrize("room", [0, 1, BLOCK_BYTES, 3 * BLOCK_BYTES])
@pytest.mark.parametrize("texts", [TEXTS, LARGE], ids=len)
def test_what_does_not_fit_is_counted_out(texts, room):
    transport = Transport(room)
    written = transport.write_some(texts)
    assert 0 < written < len(texts)
    assert b"".join(transport.blocks) == b"".join(map(frame_of, texts[:written]))
    assert transport.write_some(texts[written:]) == 0
