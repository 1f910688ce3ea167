"""A task's steps as people may read them."""

from typing import Any

from runs.redaction import forms, redact_params, secrets_in


def redacted(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``steps`` without secrets; one found in a step's parameters is taken out of all of them."""
    return redact_params(steps, forms(secrets_in(steps)))
