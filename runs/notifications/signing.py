"""Signatures of webhooks, as https://www.standardwebhooks.com describes them.

The signature covers the id, the time and the body. A receiver refuses old times, so that an
attacker cannot record a message and send it again later.
"""

import base64
import hashlib
import hmac
import secrets

PREFIX = "whsec_"
KEY_BYTES = 32


def new_key() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def headers(key: str, *, id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that prove who has sent ``body``, and when (seconds since 1970)."""
    signed = f"{id}.{timestamp}.".encode() + body
    raw = base64.b64decode(key.removeprefix(PREFIX))
    digest = base64.b64encode(hmac.new(raw, signed, hashlib.sha256).digest()).decode()
    return {
        "Webhook-Id": id,
        "Webhook-Timestamp": str(timestamp),
        "Webhook-Signature": f"v1,{digest}",
    }
