"""The Redis subscription loses no channel."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from django.conf import settings

from realtime.delivery import redis_subscriber
from realtime.delivery.redis_subscriber import Subscriber


class Listener:
    """A subscriber and the messages it has received."""

    def __init__(self, url: str | None = None) -> None:
        self.messages: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.connected = asyncio.Event()
        self.subscriber = Subscriber(
            url or settings.REDIS_URL,
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
        listener.subscriber.remove("test:left")
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
        listener.subscriber.remove("test:left")
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


CONFIRMED = b"*3\r\n$9\r\nsubscribe\r\n$9\r\ntest:home\r\n:1\r\n"
MESSAGE = b"*3\r\n$7\r\nmessage\r\n$9\r\ntest:home\r\n$1\r\nx\r\n"

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class FakeRedis:
    """Accepts what redis-py sends when it connects. ``answer`` gets all later commands.

    ``commands``: the first word of each of these.
    """

    def __init__(self, directory: Path, answer: Answer) -> None:
        self.path = directory / "fake.sock"
        self.commands: asyncio.Queue[bytes] = asyncio.Queue()
        self._answer = answer

    async def __aenter__(self) -> "FakeRedis":
        self._server = await asyncio.start_unix_server(self._serve, self.path)
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while header := await reader.readline():
            words = []
            for _ in range(int(header[1:])):
                size = int((await reader.readline())[1:])
                words.append((await reader.readexactly(size + 2))[:-2])
            if words[0] == b"CLIENT":
                writer.write(b"+OK\r\n")
            else:
                self.commands.put_nowait(words[0])
                await self._answer(words[0], writer)
        writer.close()


async def test_a_redis_that_falls_silent_is_pinged_and_then_left(tmp_path, monkeypatch):
    monkeypatch.setattr(redis_subscriber, "SILENCE_S", 0.2)

    async def answer(command: bytes, writer: asyncio.StreamWriter) -> None:
        if command == b"SUBSCRIBE":
            writer.write(CONFIRMED)

    async with (
        asyncio.timeout(30),
        FakeRedis(tmp_path, answer) as fake,
        Listener(f"unix://{fake.path}"),
    ):
        assert [await fake.commands.get() for _ in range(3)] == [
            b"SUBSCRIBE",
            b"PING",
            b"SUBSCRIBE",
        ]


async def test_an_answered_ping_keeps_the_connection(tmp_path, monkeypatch):
    monkeypatch.setattr(redis_subscriber, "SILENCE_S", 0.2)

    async def answer(command: bytes, writer: asyncio.StreamWriter) -> None:
        confirmed = command == b"SUBSCRIBE"
        writer.write(CONFIRMED if confirmed else b"*2\r\n$4\r\npong\r\n$0\r\n\r\n")

    async with (
        asyncio.timeout(30),
        FakeRedis(tmp_path, answer) as fake,
        Listener(f"unix://{fake.path}") as listener,
    ):
        assert [await fake.commands.get() for _ in range(4)] == [b"SUBSCRIBE", *[b"PING"] * 3]
        assert listener.subscriber.is_connected


async def test_messages_may_come_in_any_pieces(tmp_path):
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        for byte in CONFIRMED + MESSAGE * 2:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        writer.write(MESSAGE * 1_000)

    async with (
        asyncio.timeout(30),
        FakeRedis(tmp_path, answer) as fake,
        Listener(f"unix://{fake.path}") as listener,
    ):
        for _ in range(1_002):
            assert await listener.messages.get() == ("test:home", b"x")


@pytest.mark.parametrize(
    "reply",
    [b"-NOPERM this user may not\r\n", b"?not of the protocol\r\n"],
    ids=["error", "broken"],
)
async def test_a_reply_that_is_no_message_ends_the_connection(tmp_path, caplog, reply):
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(reply)

    async with (
        asyncio.timeout(30),
        FakeRedis(tmp_path, answer) as fake,
        Listener(f"unix://{fake.path}"),
    ):
        assert [await fake.commands.get() for _ in range(2)] == [b"SUBSCRIBE"] * 2
    assert "Redis subscription lost" in caplog.text
