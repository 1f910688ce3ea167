"""Sends one delivery, and returns its outcome. It does not use the queue.

When it is tried again: `retry_delays`.
"""

import json
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import get_ident
from urllib.parse import unquote, urlsplit

import requests
import urllib3

from crews import sealing
from runs.notifications import services, signing
from runs.notifications.models import Delivery, Target
from runs.notifications.outbound import limited

DEADLINE_S = 20.0  # for all of it
TIMEOUT_S = 10.0  # for the connection, and between two parts of the answer
REPLY_BYTES = 300
GONE = 410  # the receiver says that it wants no more
MIN_SECRET_CHARS = 6

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    error: str = ""  # empty: it has arrived
    code: int | None = None
    reply: str = ""
    for_good: bool = False  # another attempt would have no other outcome


def send(delivery: Delivery) -> Outcome:
    """Make one attempt. Whatever the other side does, it ends within the deadline."""
    target = delivery.target
    try:
        address = target.address
        key = target.key if target.service == services.WEBHOOK else ""
        services.check(target.service, address)  # the settings may have changed
    except (sealing.Unreadable, services.InvalidAddress) as error:
        return Outcome(f"The address: {error}", for_good=True)
    host = services.host_of(address)
    with limited(host, DEADLINE_S) as connections:
        try:
            if target.service == services.WEBHOOK:
                outcome = _post(delivery, address, key)
            else:
                outcome = _notify(target, delivery, address)
        except (requests.RequestException, OSError, ValueError) as error:
            outcome = Outcome(f"{type(error).__name__}: {_cause(error)}")
        if connections.refused:
            return Outcome(
                "The host has a private address, so nothing was sent (NOTIFICATIONS_PRIVATE_HOSTS)."
            )
    return _without_secrets(outcome, address, key)


def _post(delivery: Delivery, address: str, key: str) -> Outcome:
    body = json.dumps({"id": delivery.event_id, **delivery.event}, ensure_ascii=False).encode()
    signed = signing.headers(
        key, id=str(delivery.pk), timestamp=int(datetime.now(UTC).timestamp()), body=body
    )
    with requests.Session() as session:
        session.trust_env = False  # no proxy, no password file
        with session.post(
            address,
            data=body,
            headers={"Content-Type": "application/json", "User-Agent": "CrewOps", **signed},
            timeout=TIMEOUT_S,
            allow_redirects=False,
            stream=True,
        ) as answer:
            try:
                read = answer.raw.read(REPLY_BYTES, decode_content=False) or b""
            except (urllib3.exceptions.HTTPError, OSError):
                read = b""  # the status has arrived, and decides
            reply = read.decode(errors="replace")
            if answer.ok and answer.status_code < 300:
                return Outcome(code=answer.status_code, reply=reply)
            return Outcome(
                f"The receiver answered {answer.status_code} {answer.reason or ''}".strip() + ".",
                answer.status_code,
                reply,
                for_good=answer.status_code == GONE,
            )


def _notify(target: Target, delivery: Delivery, address: str) -> Outcome:
    event = delivery.event
    reasons = _Reasons()
    apprise = logging.getLogger("apprise")
    apprise.addHandler(reasons)
    try:
        sent = services.plugin(target.service, address).notify(
            title=event["title"], body=f"{event['text']}\n{event['url']}"
        )
    finally:
        apprise.removeHandler(reasons)
    if sent:
        return Outcome()
    return Outcome(" ".join(reasons.lines)[-200:] or f"{target.get_service_display()} refused it.")


class _Reasons(logging.Handler):
    """The warnings that Apprise logs in this thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._thread = get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.lines.append(record.getMessage())


def _cause(error: BaseException) -> str:
    """The innermost reason: the outer ones repeat the address."""
    while error.__context__ or error.__cause__:
        error = error.__cause__ or error.__context__
    text = str(error)
    return text.rpartition(": ")[2] if text.startswith("<") else text


def _without_secrets(outcome: Outcome, address: str, key: str) -> Outcome:
    """Remove secrets: texts of a receiver or a library may repeat parts of the address."""
    parts = urlsplit(address)
    secret = (parts.path, parts.query, parts.netloc.rpartition("@")[0])
    pieces = {address, key, *secret}
    for text in secret:
        for mark in "/&=:@?":
            text = text.replace(mark, " ")
        pieces |= {*text.split()} | {unquote(piece) for piece in text.split()}
    error, reply = outcome.error, outcome.reply
    for piece in sorted(pieces, key=len, reverse=True):
        if len(piece) >= MIN_SECRET_CHARS:
            error, reply = error.replace(piece, "***"), reply.replace(piece, "***")
    return replace(outcome, error=error, reply=reply)
