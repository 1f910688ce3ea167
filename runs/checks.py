"""System checks: how well tools are isolated from everything else on this machine."""

from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register

from runs.tools import box

HINT = (
    "Allow unprivileged user namespaces on Linux 5.12 or newer (in a container: a seccomp profile "
    "that permits unshare and mount, and an unmasked /proc), or at least run the worker as an "
    "ordinary user. See docs/box.md."
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
