"""The secrets of an organization in the steps of its crews: checked when a step is saved and again
when it runs, opened only then."""

from typing import Any

from django.core.exceptions import ValidationError

from crews.models import Secret
from crews.sealing import Unreadable
from runs import tools
from runs.tools.base import Credential, SecretName, Tool


class Refused(Exception):
    """A secret is not to be had for this call; the message says why and what to do."""


def validate(steps: Any, organization_id: int) -> None:
    """Refuse steps that name secrets the organization does not have, or not for that host.

    Raises Django's ValidationError with one message for each fault. Steps that are refused by
    ``tools.validate_steps`` are passed over.
    """
    faults = []
    for number, step in enumerate(steps if isinstance(steps, list) else [], start=1):
        try:
            tools.validate_steps([step])
        except ValidationError:
            continue
        tool = tools.get(step["tool"])
        params = tool.clean(step.get("params", {}))
        for name in _named(tool, params):
            try:
                _find(tool, params, name, organization_id)
            except Refused as refused:
                faults.append(f"Step {number} ({tool.name}): {name}: {refused}")
    if faults:
        raise ValidationError(faults)


def open_for(tool: Tool, params: dict[str, Any], organization_id: int) -> dict[str, Credential]:
    """What the secrets named in a call's `params` stand for, by parameter; raises Refused."""
    opened = {}
    for name in _named(tool, params):
        secret = _find(tool, params, name, organization_id)
        try:
            value = secret.use()
        except Unreadable as error:
            raise Refused(f"The secret {secret} {error}") from None
        opened[name] = Credential(secret.name, secret.host, secret.username, value)
    return opened


def _named(tool: Tool, params: dict[str, Any]) -> list[str]:
    """The parameters that name a secret in this call."""
    fields = tool.params().fields.items()
    return [name for name, field in fields if isinstance(field, SecretName) and params.get(name)]


def _find(tool: Tool, params: dict[str, Any], name: str, organization_id: int) -> Secret:
    # Another organization's secret is as good as none.
    secrets = Secret.objects.whoever_asks()
    secret = secrets.filter(organization=organization_id, name=params[name]).first()
    if secret is None:
        raise Refused(
            f"The organization has no secret {params[name]!r}. One of its admins can add it."
        )
    if (destination := tool.destination(params)) != secret.host:
        raise Refused(
            f"The secret {secret} is for {secret.host}, and is not sent to {destination}."
        )
    return secret
