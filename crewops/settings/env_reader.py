"""Reads variables of the environment. An empty variable counts as one that is not set."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured


class Variables(environ.Env):
    """The variables in ``texts``. Relative directories are resolved against ``base``."""

    def __init__(self, base: Path, texts: Mapping[str, str] = os.environ) -> None:
        super().__init__()
        self._base = base
        self._texts = texts
        self.ENVIRON = {name: text for name, text in texts.items() if text.strip()}

    def is_empty(self, name: str) -> bool:
        """Whether the variable is set, to nothing."""
        return name in self._texts and name not in self

    def directory(self, name: str, default: Path) -> Path:
        """The absolute path of a directory, which may not exist."""
        return self._base / self.str(name, default=str(default)).strip()

    def entries(self, name: str, default: Sequence[str] = ()) -> list[str]:
        """The list of entries, which a comma separates. Space around an entry does not count.

        An empty variable is an empty list, because a list of hosts or proxies may be empty.
        """
        if self.is_empty(name):
            return []
        texts = self.list(name, default=[*default])
        return [text.strip() for text in texts if text.strip()]

    def retention(self, name: str, default: float) -> float:
        """How long something is kept, in the unit at the end of the name.

        Raises ``ImproperlyConfigured`` below 0: everything would be too old.
        """
        kept = self.float(name, default=default)
        if kept < 0:
            raise ImproperlyConfigured(
                f"{name} is {kept:g}. Set it to 0 or more; .env.example says what 0 means."
            )
        return kept
