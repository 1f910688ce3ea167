"""The channel layer: Channels' groups over one Redis subscription per process.

It implements only what Channels requires of a layer; the process's `Node` does the work. A new
channel costs no round trip: its name contains the process, and each process has one inbox.
"""

import asyncio
import secrets
from typing import Any
from weakref import WeakKeyDictionary

from channels.layers import BaseChannelLayer
from channels_redis.serializers import registry

from realtime.delivery.node import PUBLISH_S, Node, client_of, group_channel, inbox


class StreamLayer(BaseChannelLayer):
    """``CHANNEL_LAYERS`` backend.

    ``CONFIG`` takes ``hosts``, a list of one Redis URL, and ``symmetric_encryption_keys`` for the
    messages sent through the layer. Events are not encrypted, because other services read them.
    """

    extensions = ["groups", "flush"]

    def __init__(
        self, hosts: list[str], symmetric_encryption_keys: list[str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        (self._url,) = hosts
        self._serializer = registry.get_serializer(
            "msgpack", symmetric_encryption_keys=symmetric_encryption_keys
        )
        self._nodes: WeakKeyDictionary[asyncio.AbstractEventLoop, Node] = WeakKeyDictionary()
        self._latest: tuple[asyncio.AbstractEventLoop | None, Node | None] = None, None

    @property
    def node(self) -> Node:
        """The node of the running event loop."""
        loop = asyncio.get_running_loop()
        if loop is not self._latest[0]:  # a server has one loop and calls this often
            if loop not in self._nodes:
                self._nodes[loop] = Node(self._url, self._serializer.deserialize)
            self._latest = loop, self._nodes[loop]
        return self._latest[1]

    @property
    def node_in_use(self) -> Node | None:
        """The node of the running event loop, if something has used it."""
        return self._nodes.get(asyncio.get_running_loop())

    async def new_channel(self, prefix: str = "specific") -> str:
        return f"{prefix}.{self.node.name}!{secrets.token_hex(12)}"

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        self.require_valid_channel_name(channel)
        await self._publish(inbox(channel), {"channel": channel, "message": message})

    async def receive(self, channel: str) -> dict[str, Any]:
        return await self.node.receive(channel)

    async def group_add(self, group: str, channel: str) -> None:
        self.require_valid_group_name(group)
        await self.node.join(group, channel)

    async def group_discard(self, group: str, channel: str) -> None:
        await self.node.leave(group, channel)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.require_valid_group_name(group)
        await self._publish(group_channel(group), {"group": group, "message": message})

    async def flush(self) -> None:
        """Delete the state of this process and close its connection."""
        self._latest = None, None
        if node := self._nodes.pop(asyncio.get_running_loop(), None):
            await node.close()

    async def _publish(self, channel: str, envelope: dict[str, Any]) -> None:
        # Events are not sent this way, so this is rare. The loop may be short-lived, so the client
        # is not kept.
        async with asyncio.timeout(PUBLISH_S), client_of(self._url) as client:
            await client.publish(channel, self._serializer.serialize(envelope))
