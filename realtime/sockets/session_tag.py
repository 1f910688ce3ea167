"""Names a session in a page, without giving it away."""

from django.utils.crypto import salted_hmac

SALT = "realtime.sockets.session_tag"
DIGITS = 32  # 128 bits


def tag_of(session_key: str) -> str:
    """The tag of the session: the same for all its pages, and of no use to open anything."""
    return salted_hmac(SALT, session_key, algorithm="sha256").hexdigest()[:DIGITS]
