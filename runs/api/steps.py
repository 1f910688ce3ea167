"""A task's steps without secrets."""

from typing import Any

from runs.execution.known_secrets import forms
from runs.execution.redaction import redact_params, secrets_in


def redacted(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return ``steps`` without secrets. A secret found in one step is removed from all of them."""
    return redact_params(steps, forms(secrets_in(steps)))
