"""Encryption at rest of organizations' secrets.

Fernet (AES-128 in CBC mode with HMAC-SHA256, https://github.com/fernet/spec). The first of
``SECRETS_KEYS`` encrypts and every key decrypts. The last key is derived from ``SECRET_KEY``. It
encrypts if no other key is set, and values that it encrypted before stay readable when others are
set.
"""

import json
from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

KEY_BYTES = 32  # of Fernet
PURPOSE = b"crewops secrets"  # separates the derived key from other uses of SECRET_KEY


class Unreadable(Exception):
    """An encrypted value cannot be decrypted. The message continues after the secret's name."""


def seal(value: str, *, bound_to: str) -> str:
    """Encrypt `value`. Decryption needs the same `bound_to`.

    So a person who can write to the database cannot pass one secret off as another.
    """
    return _keys().encrypt(json.dumps([bound_to, value]).encode()).decode()


def unseal(sealed: str, *, bound_to: str) -> str:
    """Return the decrypted value. Raises ``Unreadable``."""
    try:
        found_bound_to, value = json.loads(_keys().decrypt(sealed))
    except InvalidToken:
        raise Unreadable(
            "cannot be decrypted: its key is not among SECRETS_KEYS. Put the key back, "
            "or enter the value anew."
        ) from None
    if found_bound_to != bound_to:
        raise Unreadable("was stored for another host or organization. Enter the value anew.")
    return value


def reseal(sealed: str) -> str:
    """Return the same value, encrypted with the first key. Raises ``Unreadable``."""
    try:
        return _keys().rotate(sealed).decode()
    except InvalidToken:
        raise Unreadable("cannot be decrypted: its key is not among SECRETS_KEYS.") from None


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in (*settings.SECRETS_KEYS, _derived())])


def _derived() -> bytes:
    derivation = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=PURPOSE)
    return urlsafe_b64encode(derivation.derive(settings.SECRET_KEY.encode()))
