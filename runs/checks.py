"""System checks: how well tools are kept apart from everything else on this machine."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from runs.tools import box

HINT = (
    "Allow unprivileged user namespaces on Linux 5.12 or newer (in a container: a seccomp profile "
    "that permits unshare and mount, and an unmasked /proc). See docs/box.md."
)


@register
def tools_are_boxed(**kwargs: Any) -> list[CheckMessage]:
    """Warn, or fail when the settings require a sandbox, where tools run without one."""
    tier = box.tier()
    if tier.is_sandbox:
        return []
    if settings.TOOLS_REQUIRE_SANDBOX:
        message = f"TOOLS_REQUIRE_SANDBOX is set, so no tool runs here. {tier.shortfall}"
        return [Error(message, hint=HINT, id="runs.E001")]
    message = (
        f"Tools run in the tier {tier.name!r}: they can read what this user can, secrets included. "
        f"{tier.shortfall}"
    )
    return [Warning(message, hint=HINT, id="runs.W001")]
