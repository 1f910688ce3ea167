"""Whether a demo user has the demo's password, without computing a hash at each start.

A hash takes a tenth of a second of processor time on purpose, for each user. A positive result is
recorded beside the repositories, keyed with ``SECRET_KEY``, and is valid only for the same stored
hash.
"""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.crypto import salted_hmac

FILE = "passwords"


def has(user: Any, password: str) -> bool:
    if _digest(user, password) in _noted():
        return True
    if not user.check_password(password):
        return False
    note(user, password)
    return True


def note(user: Any, password: str) -> None:
    """Record that the user has the password."""
    with _file().open("a") as file:
        file.write(f"{_digest(user, password)}\n")


def _digest(user: Any, password: str) -> str:
    return salted_hmac(
        "crews.demo.passwords", f"{user.username}\0{user.password}\0{password}", algorithm="sha256"
    ).hexdigest()


def _noted() -> set[str]:
    try:
        return set(_file().read_text().splitlines())
    except FileNotFoundError:
        return set()


def _file() -> Path:
    return settings.VAR_DIR / "demo" / FILE
