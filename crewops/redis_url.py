"""Parses ``REDIS_URL`` once and rewrites it for each library that reads it in its own way.

redis-py, Channels and kombu disagree about certificates, unix sockets and the characters of a
password. No message repeats the content of the URL: messages go to logs and terminals, and the URL
contains a password.
"""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

FORMS = (
    "Write redis://USER:PASSWORD@HOST:6379/0, rediss://... with TLS, or "
    "unix:///PATH?db=0&username=USER&password=PASSWORD. USER may be empty. In a password write "
    "%25 for %, and %26 for & and %23 for # in the one of a unix socket"
)
UNIX_OPTIONS = ("db", "username", "password")
TLS_OPTIONS = ("ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname")
CERT_REQS = ("required", "optional", "none")
# A password may contain characters that a URL escapes: it ends at the last @.
STRICT = r"[^/?#@]*"
TOLERANT = r".*"
TCP = (
    r"(?P<scheme>rediss?)://(?:(?P<user>[^:/?#@]*):(?P<password>{password})@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{{1,5}}))?"
    r"(?:/(?P<db>[0-9]*))?(?:\?(?P<query>[^#]*))?"
)


class BadRedisURL(ValueError):
    """The URL is invalid.

    The message says which part and gives the right form. It never repeats the URL's content.
    """


@dataclass(frozen=True, slots=True)
class RedisURL:
    """``url`` is for redis-py, ``broker_url`` and ``broker_ssl`` are for kombu."""

    url: str = field(repr=False)
    broker_url: str = field(repr=False)
    broker_ssl: dict[str, Any] | None = field(repr=False, default=None)


def read(text: str) -> RedisURL:
    """Parse the URL. Raises ``BadRedisURL``."""
    if text.startswith("unix://"):
        return _unix(text)
    for password in (STRICT, TOLERANT):
        if match := re.fullmatch(TCP.format(password=password), text, re.DOTALL):
            return _tcp(match)
    raise BadRedisURL(f"it cannot be read. {FORMS}")


def _unix(text: str) -> RedisURL:
    path, _, query = text.removeprefix("unix://").partition("?")
    options = _options(query, UNIX_OPTIONS)
    if not path.startswith("/") or "#" in text:
        raise BadRedisURL(f"the path of its socket cannot be read. {FORMS}")
    path = quote(unquote(path))
    if not options.get("db", "0").isdecimal():
        raise BadRedisURL(f"db is no number. {FORMS}")
    username, password = options.get("username", ""), options.get("password", "")
    who = f"{quote(username, safe='')}:{quote(password, safe='')}@" if password else ""
    asked = f"?{urlencode(options, quote_via=quote)}" if options else ""
    return RedisURL(
        url=f"unix://{path}{asked}",
        broker_url=f"redis+socket://{who}{path}?virtual_host={options.get('db', '0')}",
    )


def _tcp(match: re.Match[str]) -> RedisURL:
    part = match.groupdict(default="")
    has_tls = part["scheme"] == "rediss"
    options = _options(part["query"], ("db", *TLS_OPTIONS) if has_tls else ("db",))
    db = options.pop("db", part["db"]) or "0"
    if not db.isdecimal():
        raise BadRedisURL(f"db is no number. {FORMS}")
    who = ":".join(quote(unquote(part[name]), safe="") for name in ("user", "password"))
    port = part["port"] or "6379"
    if not 0 < int(port) < 65536:
        raise BadRedisURL(f"its port is none. {FORMS}")
    where = f"{who}@" if part["password"] else ""
    plain = f"{part['scheme']}://{where}{part['host']}:{port}/{db}"
    if not has_tls:
        return RedisURL(url=plain, broker_url=plain)
    tls = _tls(options)
    return RedisURL(
        url=f"{plain}?{urlencode(options | {'ssl_cert_reqs': tls['ssl_cert_reqs']})}",
        broker_url=plain,
        broker_ssl=tls,
    )


def _tls(options: dict[str, str]) -> dict[str, Any]:
    """The TLS options that kombu passes to redis-py. Without them kombu would verify nothing."""
    tls: dict[str, Any] = {"ssl_cert_reqs": "required"} | options
    if tls["ssl_cert_reqs"] not in CERT_REQS:
        raise BadRedisURL(f"ssl_cert_reqs is one of: {', '.join(CERT_REQS)}")
    checks = options.get("ssl_check_hostname", "true").lower()
    tls["ssl_check_hostname"] = checks not in ("false", "0", "no") and (
        tls["ssl_cert_reqs"] != "none"
    )
    return tls


def _options(query: str, known: tuple[str, ...]) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if options.keys() - set(known):  # an unknown option may be part of a password
        raise BadRedisURL(f"after ? it takes {', '.join(known)}, and no others. {FORMS}")
    return {name: value for name, value in options.items() if value}
