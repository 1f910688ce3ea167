"""The Redis subscription loses no channel."""

import asyncio

import pytest
from django.conf import settings

from realtime.delivery.subscriber import Subscriber


class Ear:
    """A subscriber and what it has heard."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.connected = asyncio.Event()
        self.subscriber = Subscriber(
            settings.REDIS_URL,
            homes=["test:home"],
            on_message=lambda channel, data: self.heard.put_nowait((channel, data)),
            on_connect=self.connected.set,
        )

    async def __aenter__(self) -> "Ear":
        self.subscriber.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.subscriber.close()

    async def hears(self, channel: str, redis_server) -> bool:
        redis_server.publish(channel, b"x")
        try:
            async with asyncio.timeout(30):
                return await self.heard.get() == (channel, b"x")
        except TimeoutError:
            return False


@pytest.mark.parametrize("ticks", range(0, 60, 3))
async def test_a_channel_added_while_connecting_is_subscribed(redis_server, ticks):
    async with Ear() as ear:
        for _ in range(ticks):
            await asyncio.sleep(0)
        await ear.subscriber.add("test:stream")
        await ear.connected.wait()
        assert await ear.hears("test:stream", redis_server)


@pytest.mark.parametrize("ticks", range(60))
async def test_it_closes_at_any_moment_of_connecting(redis_server, ticks):
    """A cancellation that is lost would leave it listening, and whoever closes it waiting."""
    async with asyncio.timeout(30), Ear():
        for _ in range(ticks):
            await asyncio.sleep(0)


async def test_after_a_cut_everything_is_subscribed_again(redis_server):
    async with Ear() as ear:
        await ear.connected.wait()
        await ear.subscriber.add("test:kept", "test:left")
        await ear.subscriber.remove("test:left")
        ear.connected.clear()
        redis_server.client_kill_filter(_type="pubsub")
        await ear.connected.wait()
        redis_server.publish("test:left", b"x")
        assert await ear.hears("test:kept", redis_server)


async def test_a_channel_left_is_heard_no_more(redis_server):
    async with Ear() as ear:
        await ear.connected.wait()
        await ear.subscriber.add("test:left")
        assert await ear.hears("test:left", redis_server)
        await ear.subscriber.remove("test:left")
        await ear.subscriber.add("test:next")  # its confirmation comes after the removal
        redis_server.publish("test:left", b"x")
        assert await ear.hears("test:next", redis_server)


async def test_it_comes_back_whatever_is_added_while_it_is_cut(redis_server):
    async with Ear() as ear:
        for number in range(30):
            async with asyncio.timeout(30):
                await ear.connected.wait()
            ear.connected.clear()
            redis_server.client_kill_filter(_type="pubsub")
            channels = [f"test:{number}.{n}" for n in range(10)]
            await asyncio.gather(*map(ear.subscriber.add, channels))
        async with asyncio.timeout(30):
            await ear.connected.wait()
        assert await ear.hears("test:0.0", redis_server)
        assert await ear.hears("test:29.9", redis_server)
