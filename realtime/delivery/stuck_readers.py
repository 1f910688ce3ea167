"""When a socket is given up whose client takes no data."""

import asyncio

from realtime.servers.writer import Writer

STUCK_S = 30.0  # a socket that takes no data for so long is closed


class TooSlow(Exception):
    """The socket has taken no data for ``STUCK_S`` seconds."""


async def wait_until_drained(writer: Writer) -> None:
    """Return when the socket can take more. Raises ``TooSlow``."""
    try:
        async with asyncio.timeout(STUCK_S):
            await writer.drained()
    except TimeoutError:
        raise TooSlow from None
