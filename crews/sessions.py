"""The session store (``SESSION_ENGINE``): Django's, but with a check of the key.

Only keys that Django could have made are looked up.
"""

import re

from django.contrib.sessions.backends import db

KEY = re.compile("[a-z0-9]{8,40}")


class SessionStore(db.SessionStore):
    def _validate_session_key(self, key: str | None) -> bool:
        # A cookie may contain any character, and PostgreSQL fails on NUL.
        return key is not None and KEY.fullmatch(key) is not None
