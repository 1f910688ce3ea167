"""The services that notifications may use, and the addresses of each that are accepted.

Apprise knows about 150 services. Some read files, run programs or speak to the local machine, and
an address may name a file as a template. So only the services below are ever imported, and an
address may have only the parameters that are listed with its service.
"""

import importlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from runs.tools.git_address import HOST
from runs.tools.public_address import is_public

MAX_CHARS = 2000
WEBHOOK = "webhook"


class InvalidAddress(ValueError):
    """An address that is not accepted. The message says what to write, and never repeats it."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service of Apprise: its class, an example of its address, its allowed parameters."""

    label: str
    module: str
    name: str
    example: str
    schemes: tuple[str, ...]
    params: frozenset[str] = frozenset()
    own_host: bool = False  # the address names the server


SERVICES: dict[str, Service] = {
    "email": Service(
        "Mail", "apprise.plugins.email", "NotifyEmail",
        "mailtos://user:password@smtp.example.com?from=crewops@example.com&to=ops@example.com",
        ("mailto", "mailtos"),
        frozenset({"to", "from", "name", "smtp", "mode", "user", "pass", "cc", "bcc", "reply"}),
        own_host=True,
    ),
    "slack": Service(
        "Slack", "apprise.plugins.slack", "NotifySlack",
        "https://hooks.slack.com/services/T…/B…/…", ("slack",),
        frozenset({"to", "footer", "image"}),
    ),
    "teams": Service(
        "Microsoft Teams (Workflows)", "apprise.plugins.workflows", "NotifyWorkflows",
        "https://….logic.azure.com/workflows/…/triggers/manual/paths/invoke?…",
        ("workflow", "workflows"),
        frozenset({"api-version", "sp", "sv", "sig", "signature", "id", "workflow", "ver", "pa"}),
        own_host=True,
    ),
    "ntfy": Service(
        "ntfy", "apprise.plugins.ntfy", "NotifyNtfy", "ntfys://ntfy.sh/your-topic",
        ("ntfy", "ntfys"), frozenset({"to", "priority", "tags", "mode", "token", "auth"}),
        own_host=True,
    ),
    "discord": Service(
        "Discord", "apprise.plugins.discord", "NotifyDiscord",
        "https://discord.com/api/webhooks/…/…", ("discord",), frozenset({"thread", "footer"}),
    ),
    "telegram": Service(
        "Telegram", "apprise.plugins.telegram", "NotifyTelegram",
        "tgram://bot-token/chat-id", ("tgram",), frozenset({"to", "silent", "preview"}),
    ),
    "mattermost": Service(
        "Mattermost", "apprise.plugins.mattermost", "NotifyMattermost",
        "mmosts://chat.example.com/token", ("mmost", "mmosts"),
        frozenset({"to", "channel", "channels"}), own_host=True,
    ),
    "gotify": Service(
        "Gotify", "apprise.plugins.gotify", "NotifyGotify",
        "gotifys://gotify.example.com/token", ("gotify", "gotifys"), frozenset({"priority"}),
        own_host=True,
    ),
    "pagerduty": Service(
        "PagerDuty", "apprise.plugins.pagerduty", "NotifyPagerDuty",
        "pagerduty://integration-key@api-key", ("pagerduty",), frozenset({"region", "class"}),
    ),
}  # fmt: skip
CHOICES = [(WEBHOOK, "Webhook"), *((key, each.label) for key, each in SERVICES.items())]


def check(service: str, address: str) -> str:
    """Return the address as people may see it. Raises ``InvalidAddress``."""
    address = address.strip()
    if len(address) > MAX_CHARS or not address.isprintable() or " " in address:
        raise InvalidAddress(
            f"Write one address of at most {MAX_CHARS} characters, without spaces."
        )
    return _check_webhook(address) if service == WEBHOOK else _check_apprise(service, address)


def plugin(service: str, address: str) -> Any:
    """Return Apprise's object that sends to ``address``. Raises ``InvalidAddress``."""
    known = SERVICES[service]
    wrong = f"Write the address like this: {known.example}"
    cls = getattr(importlib.import_module(known.module), known.name)
    scheme = address.partition("://")[0].lower()
    try:
        parsed = cls.parse_native_url(address) if scheme == "https" else cls.parse_url(address)
    except Exception:
        raise InvalidAddress(wrong) from None
    if not parsed or str(parsed.get("schema", "")).lower() not in known.schemes:
        raise InvalidAddress(wrong)
    # As Apprise has read them: our own reading of the address could differ.
    if set(parsed["qsd"]) - known.params or any(parsed.get(f"qsd{sign}") for sign in "+-:"):
        allowed = ", ".join(sorted(known.params)) or "none"
        raise InvalidAddress(f"Leave out the other parameters of the address. Allowed: {allowed}.")
    try:
        return cls(**parsed)
    except Exception:
        raise InvalidAddress(wrong) from None


def host_of(address: str) -> str:
    """The host that the address names; empty if it names none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _check_webhook(address: str) -> str:
    wrong = "Write the address as https://host/path."
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise InvalidAddress(wrong) from None
    private = host in settings.NOTIFICATIONS_PRIVATE_HOSTS
    schemes = ("https", "http") if private else ("https",)
    if parts.scheme not in schemes or not host or port == 0 or parts.fragment:
        raise InvalidAddress(wrong)
    if "@" in parts.netloc:
        raise InvalidAddress(
            f"{wrong} Leave out user name and password: the signature shows who sends."
        )
    _check_host(host)
    return f"{parts.scheme}://{parts.netloc}/…"


def _check_apprise(service: str, address: str) -> str:
    known, made = SERVICES[service], plugin(service, address)
    if not known.own_host:
        return f"{known.schemes[-1]}://…"
    host = host_of(address)
    _check_host(host)
    if smtp := getattr(made, "smtp_host", None):
        _check_host(smtp)
        host = smtp
    return f"{known.schemes[-1]}://{host}/…"


def _check_host(host: str) -> None:
    """Refuse an address that is written as a private one. A name is checked when it is used."""
    if host in settings.NOTIFICATIONS_PRIVATE_HOSTS:
        return
    try:
        public = is_public(host)
    except ValueError:
        # All other spellings of an address that resolvers accept have no letter after the last dot.
        public = bool(HOST.fullmatch(host)) and host.rpartition(".")[2][:1].isalpha()
        public = public and host != "localhost" and not host.endswith(".localhost")
    if not public:
        raise InvalidAddress(
            "Write the host by its public name (NOTIFICATIONS_PRIVATE_HOSTS: others)."
        )
