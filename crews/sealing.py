"""Encryption at rest of what organizations entrust to us.

Fernet (AES-128 in CBC mode with HMAC-SHA256, https://github.com/fernet/spec). The first of
``SECRETS_KEYS`` seals and each of them opens. Last comes the key derived from ``SECRET_KEY``: it seals
where no other is set, and what it has sealed before stays readable when others are.
"""

import json
from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

KEY_BYTES = 32  # of Fernet
PURPOSE = b"crewops secrets"  # keeps the derived key apart from other uses of SECRET_KEY


class Unreadable(Exception):
    """What was sealed cannot be opened. The message goes on from the secret's name."""


def seal(value: str, *, bound_to: str) -> str:
    """`value`, encrypted. It opens again only together with the same `bound_to`, so that whoever
    can write to the database cannot hand one secret out as another."""
    return _keys().encrypt(json.dumps([bound_to, value]).encode()).decode()


def unseal(sealed: str, *, bound_to: str) -> str:
    """The value that was sealed; raises Unreadable."""
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
    """The same, sealed with the first key; raises Unreadable."""
    try:
        return _keys().rotate(sealed).decode()
    except InvalidToken:
        raise Unreadable("cannot be decrypted: its key is not among SECRETS_KEYS.") from None


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in (*settings.SECRETS_KEYS, _derived())])


def _derived() -> bytes:
    derivation = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=PURPOSE)
    return urlsafe_b64encode(derivation.derive(settings.SECRET_KEY.encode()))
