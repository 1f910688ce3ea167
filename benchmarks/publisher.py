"""``python -m benchmarks.publisher KIND TARGET``: publishes for the peers. KIND is one of

``channels``: ``group_send`` on channels_redis' pub/sub layer; TARGET is a Redis URL
``redis``: ``PUBLISH``; TARGET is a Redis URL
``nchan``: POST on a connection that is kept; TARGET is a port of 127.0.0.1

The texts are as long as our own events.
"""

import argparse
import asyncio
import http.client
import json
from collections.abc import Callable
from itertools import count

import redis

from benchmarks import tool_output
from benchmarks.pacing import publish

CHANNEL = "events"
TEXT = (
    '{"type":"tool_progress","seq":%d,"timestamp":"2026-01-01T00:00:00.000000Z",'
    '"crew_id":"00000000-0000-4000-8000-000000000001",'
    '"run_id":"00000000-0000-4000-8000-000000000002","agent_id":"orion",'
    '"execution_id":"00000000-0000-4000-8000-000000000003","tool":"script","message":"t=%d"}'
)


def channels(target: str) -> Callable[[str], None]:
    from channels_redis.pubsub import RedisPubSubChannelLayer

    layer = RedisPubSubChannelLayer(hosts=[target])
    loop = asyncio.new_event_loop()
    return lambda text: loop.run_until_complete(
        layer.group_send(CHANNEL, {"type": "event", "text": text})
    )


def through_redis(target: str) -> Callable[[str], None]:
    client = redis.Redis.from_url(target)
    return lambda text: client.publish(CHANNEL, text)


def nchan(target: str) -> Callable[[str], None]:
    connection = http.client.HTTPConnection("127.0.0.1", int(target))

    def post(text: str) -> None:
        connection.request("POST", "/publish", text, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        if response.status >= 300:
            raise RuntimeError(f"nginx answers {response.status}")

    return post


KINDS = {"channels": channels, "redis": through_redis, "nchan": nchan}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("target")
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--warm", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--output", help='"real" for texts with the output of real tools')
    given = parser.parse_args()
    written = tool_output.pieces() if given.output else None
    post = KINDS[given.kind](given.target)
    numbers = count(1)

    def send(t: int) -> int:
        text = TEXT % (next(numbers), t)
        if written:
            text = f'{text[:-1]},"output":{json.dumps(next(written), ensure_ascii=False)}}}'
        post(text)
        return t

    publish(send, rate=given.rate, warm_s=given.warm, seconds=given.seconds)


if __name__ == "__main__":
    main()
