"""Rights that the Redis user of ``REDIS_URL`` needs. `docs/operations.md` has them as a table."""

import secrets

import redis
from django.conf import settings
from redis.client import PubSub
from redis.exceptions import NoPermissionError

from realtime.stream_kinds import STREAM_KINDS

# Each command is executed as it is written. {key} is a key of our own that is deleted afterwards.
COMMANDS = (
    "ping",
    *("incrby {key}:count 1", "expire {key}:count 60"),
    *("lpush {key}:list a", "rpush {key}:list a", "llen {key}:list", "rpop {key}:list"),
    *("brpop {key}:list 1", "set {key}:text a ex 60", "get {key}:text"),
    *("hset {key}:hash a 1", "hget {key}:hash a", "hlen {key}:hash", "hdel {key}:hash a"),
    *("sadd {key}:set a", "smembers {key}:set", "srem {key}:set a"),
    *("zadd {key}:sorted 1 a", "zrange {key}:sorted 0 1", "zrangebyscore {key}:sorted 0 1"),
    *("zrem {key}:sorted a", "pexpire {key}:text 60000", "time"),
    *("watch {key}:text", "unwatch", "script|load", "script|exists a", "evalsha"),
    "del {key}:count {key}:list {key}:text {key}:hash {key}:set {key}:sorted",
)
SCRIPT = "return redis.call('GET', KEYS[1])"
TRANSACTION = ("multi", "exec")
LISTENING = ("subscribe", "unsubscribe")
LISTENING_TO_PATTERNS = ("psubscribe", "punsubscribe")


def channels() -> list[str]:
    """Patterns of the channels that we publish on and listen to."""
    return [f"{settings.REDIS_PREFIX}*", *(f"{kind}:*" for kind in STREAM_KINDS)]


def worker_patterns(client: redis.Redis) -> list[str]:
    """Patterns that Celery's workers subscribe to. Redis allows a pattern only as it is written."""
    db = client.connection_pool.connection_kwargs.get("db") or 0
    begin = f"{settings.REDIS_PREFIX}/{db}"
    return [f"{begin}.celery.pidbox", f"{begin}.celeryev/worker.*"]


def missing(client: redis.Redis) -> list[str]:
    """The rights that the user of ``client`` lacks, as ``ACL SETUSER`` takes them.

    Each right is tested by using it.
    """
    token = secrets.token_hex(8)
    lacks: dict[str, None] = {}  # in order
    key = f"{settings.REDIS_PREFIX}check:{token}"
    with client.client() as connection:  # `watch` and `multi` need one connection
        for command in COMMANDS:
            name, *arguments = command.format(key=key).split()
            if name == "script|load":
                arguments = [SCRIPT]
            elif name == "evalsha":
                # an unknown script: an error about it shows that we may call evalsha
                sha = "0" * 40
                arguments = [sha, "1", f"{key}:text"]
            _try(lacks, connection, name, arguments, f"~{settings.REDIS_PREFIX}*")
        for pattern in channels():
            channel = pattern.replace("*", f"check-{token}")
            _try(lacks, connection, "publish", [channel, ""], f"&{pattern}")
    with client.client() as connection:
        for name in TRANSACTION:
            _try(lacks, connection, name, [], "")
    for pattern in channels():
        for name in LISTENING:
            with client.pubsub() as pubsub:
                _try(lacks, pubsub, name, [pattern.replace("*", f"check-{token}")], f"&{pattern}")
    for pattern in worker_patterns(client):
        for name in LISTENING_TO_PATTERNS:
            with client.pubsub() as pubsub:
                _try(lacks, pubsub, name, [pattern], f"&{pattern}")
    return list(lacks)


def _try(
    lacks: dict[str, None],
    client: redis.Redis | PubSub,
    name: str,
    arguments: list[str],
    place: str,
) -> None:
    try:
        client.execute_command(*name.split("|"), *arguments)
        if isinstance(client, PubSub):
            client.parse_response()
    except redis.ResponseError as refused:
        # Redis checks rights first, so after any other error the command is allowed. The refusal of
        # EXEC is wrapped in another error.
        if not (isinstance(refused, NoPermissionError) or "NOPERM" in str(refused)):
            return
        is_place = " key" in str(refused) or " channel" in str(refused)
        lacks[place if is_place else f"+{name}"] = None
