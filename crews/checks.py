"""System checks against the loss of an organization's secrets."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register


@register(Tags.security, deploy=True)
def secrets_have_a_key_of_their_own(**kwargs: Any) -> list[CheckMessage]:
    if settings.SECRETS_KEYS:
        return []
    return [
        Warning(
            "Secrets are encrypted with a key derived from SECRET_KEY: "
            "with another one they are lost.",
            hint=f"Set SECRETS_KEYS, then run `manage.py reencrypt_secrets`. Make a key with: "
            f"{settings.MAKE_A_KEY}",
            id="crews.W001",
        )
    ]
