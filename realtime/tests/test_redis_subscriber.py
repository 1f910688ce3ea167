"""The Redis subscription loses no channel."""

import asyncio

import pytest
from django.conf import settings

from realtime.delivery.redis_subscriber import Subscriber


class Listener:
    """A subscriber and the messages it has received."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.connected = asyncio.Event()
        self.subscriber = Subscriber(
            settings.REDIS_URL,
            homes=["test:home"],
            on_message=lambda channel, data: self.messages.put_nowait((channel, data)),
            on_connect=self.connected.set,
        )

    async def __aenter__(self) -> "Listener":
        self.subscriber.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.subscriber.close()

    async def receives(self, channel: str, redis_server) -> bool:
        redis_server.publish(channel, b"x")
        try:
            async with asyncio.timeout(30):
                return await self.messages.get() == (channel, b"x")
        except TimeoutError:
            return False


@pytest.mark.parametrize("ticks", range(0, 60, 3))
async def test_a_channel_added_while_connecting_is_subscribed(redis_server, ticks):
    async with Listener() as listener:
        for _ in range(ticks):
            await asyncio.sleep(0)
        await listener.subscriber.add("test:stream")
        await listener.connected.wait()
        assert await listener.receives("test:stream", redis_server)


@pytest.mark.parametrize("ticks", range(60))
async def test_it_closes_at_any_moment_of_connecting(redis_server, ticks):
    """If a cancellation were lost, it would go on listening and `close` would wait for ever."""
    async with asyncio.timeout(30), Listener():
        for _ in range(ticks):
            await asyncio.sleep(0)


async def test_after_a_cut_everything_is_subscribed_again(redis_server):
    async with Listener() as listener:
        await listener.connected.wait()
        await listener.subscriber.add("test:kept", "test:left")
        await listener.subscriber.remove("test:left")
        listener.connected.clear()
        redis_server.client_kill_filter(_type="pubsub")
        await listener.connected.wait()
        redis_server.publish("test:left", b"x")
        assert await listener.receives("test:kept", redis_server)


async def test_a_channel_left_brings_no_more_messages(redis_server):
    async with Listener() as listener:
        await listener.connected.wait()
        await listener.subscriber.add("test:left")
        assert await listener.receives("test:left", redis_server)
        await listener.subscriber.remove("test:left")
        await listener.subscriber.add("test:next")  # its confirmation comes after the removal
        redis_server.publish("test:left", b"x")
        assert await listener.receives("test:next", redis_server)


async def test_it_comes_back_whatever_is_added_while_it_is_cut(redis_server):
    async with Listener() as listener:
        for number in range(30):
            async with asyncio.timeout(30):
                await listener.connected.wait()
            listener.connected.clear()
            redis_server.client_kill_filter(_type="pubsub")
            channels = [f"test:{number}.{n}" for n in range(10)]
            await asyncio.gather(*map(listener.subscriber.add, channels))
        async with asyncio.timeout(30):
            await listener.connected.wait()
        assert await listener.receives("test:0.0", redis_server)
        assert await listener.receives("test:29.9", redis_server)
