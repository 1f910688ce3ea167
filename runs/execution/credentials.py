"""Secrets of an organization in the steps of its crews.

A secret is checked when a step is saved and again when it runs. It is decrypted only when it runs.
"""

from typing import Any

from django.core.exceptions import ValidationError

from crews.models import Secret
from crews.sealing import Unreadable
from runs import tools
from runs.tools.base import Credential, SecretName, Tool


class SecretNotAllowed(Exception):
    """The call may not use the secret. The message says why and what to do."""


def validate(steps: Any, organization_id: int) -> None:
    """Reject steps that name a secret the organization does not have, or one for another host.

    Raises Django's ValidationError with one message for each fault. Skips steps that
    ``tools.validate_steps`` rejects.
    """
    faults = []
    for number, step in enumerate(steps if isinstance(steps, list) else [], start=1):
        try:
            tools.validate_steps([step])
        except ValidationError:
            continue
        faults += [
            f"Step {number} ({step['tool']}): {name}: {fault}"
            for name, fault in faults_of(step, organization_id).items()
        ]
    if faults:
        raise ValidationError(faults)


def faults_of(step: dict[str, Any], organization_id: int) -> dict[str, str]:
    """Return the faults of the secrets that a valid step names, by parameter."""
    tool = tools.get(step["tool"])
    params = tool.clean(step.get("params", {}))
    faults = {}
    for name in _named(tool, params):
        try:
            _find(tool, params, name, organization_id)
        except SecretNotAllowed as refused:
            faults[name] = str(refused)
    return faults


def open_for(tool: Tool, params: dict[str, Any], organization_id: int) -> dict[str, Credential]:
    """Return the credentials that a call's `params` name, by parameter. Raises SecretNotAllowed."""
    opened = {}
    for name in _named(tool, params):
        secret = _find(tool, params, name, organization_id)
        try:
            value = secret.use()
        except Unreadable as error:
            raise SecretNotAllowed(f"The secret {secret} {error}") from None
        opened[name] = Credential(secret.name, secret.host, secret.username, value)
    return opened


def _named(tool: Tool, params: dict[str, Any]) -> list[str]:
    """Return the names of the parameters that name a secret in this call."""
    fields = tool.params().fields.items()
    return [name for name, field in fields if isinstance(field, SecretName) and params.get(name)]


def _find(tool: Tool, params: dict[str, Any], name: str, organization_id: int) -> Secret:
    # A secret of another organization is treated as missing.
    secrets = Secret.objects.unscoped()
    secret = secrets.filter(organization=organization_id, name=params[name]).first()
    if secret is None:
        raise SecretNotAllowed(
            f"The organization has no secret {params[name]!r}. One of its admins can add it."
        )
    if (destination := tool.destination(params)) != secret.host:
        raise SecretNotAllowed(
            f"The secret {secret} is for {secret.host}, and is not sent to {destination}."
        )
    return secret
