"""The keys that encrypt the secrets of organizations."""

from base64 import urlsafe_b64decode

from django.core.exceptions import ImproperlyConfigured

from crewops.settings.environment import env

KEY_BYTES = 32
MAKE_A_KEY = (
    "python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
)


def checked(keys: list[str]) -> list[str]:
    """The keys; one that is none stops the start and is named by its place, never by its text."""
    for number, key in enumerate(keys, start=1):
        try:
            size = len(urlsafe_b64decode(key))
        except ValueError:
            size = 0
        if size != KEY_BYTES:
            raise ImproperlyConfigured(
                f"SECRETS_KEYS: entry {number} is no key. Make one with: {MAKE_A_KEY}"
            )
    return keys


# The first encrypts, each of them decrypts. Empty: a key derived from SECRET_KEY.
SECRETS_KEYS = checked(env.list("SECRETS_KEYS", default=[]))
