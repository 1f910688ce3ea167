"""System checks: how well tools are isolated, and whether heartbeats come often enough."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from runs.tools import box

HINT = (
    "Allow unprivileged user namespaces on Linux 5.12 or newer (in a container: a seccomp profile "
    "that permits unshare and mount, and an unmasked /proc), or at least run the worker as an "
    "ordinary user. See docs/box.md."
)

# What is renewed how often, how long it lasts, and what happens without it.
HEARTBEATS = (
    ("RUN_HEARTBEAT_S", "RUN_LEASE_S", "end runs"),
    ("WORKER_HEARTBEAT_S", "WORKER_ALIVE_S", "show crews offline"),
)


@register("crewops")
def tools_are_boxed(**kwargs: Any) -> list[CheckMessage]:
    """Warn if tools run without a sandbox. Fail if they do not run at all."""
    tier = box.tier()
    if tier.is_sandbox:
        return []
    if tier.refusal:
        return [Error(tier.refusal, hint=HINT, id="runs.E001")]
    message = f"Tools run in the tier {tier.name!r}, from which they can get out. {tier.shortfall}"
    return [Warning(message, hint=HINT, id="runs.W001")]


@register("crewops")
def heartbeats_are_frequent_enough(**kwargs: Any) -> list[CheckMessage]:
    """Fail if one late heartbeat would end runs, or make their crews offline."""
    return [
        Error(
            f"{heartbeat} is {getattr(settings, heartbeat):g} s, more than half of {limit}, which "
            f"is {getattr(settings, limit):g} s: one late heartbeat is enough to {effect}.",
            hint=f"Set {heartbeat} to at most half of {limit}.",
            id="runs.E002",
        )
        for heartbeat, limit, effect in HEARTBEATS
        if getattr(settings, heartbeat) > getattr(settings, limit) / 2
    ]
