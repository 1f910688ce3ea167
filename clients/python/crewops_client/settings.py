"""The package's settings, from the environment or from `configure`."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MIB = 1024 * 1024


@dataclass(frozen=True)
class Settings:
    url: str = ""
    api_key: str = field(default="", repr=False)
    capture_text: bool = False  # send the text of model calls
    disabled: bool = False
    controls: bool = True  # take controls from the server: pause, resume, cancel, messages
    approvals: bool = False  # ask the server about each tool: approval rules apply
    approve_s: float = 3600.0  # a call that is not approved by then is denied
    spool_dir: Path | None = None  # None: a directory of the user
    spool_limit: int = 256 * MIB  # bytes on disk, over all processes of the user; 0: no spool
    memory_limit: int = 16 * MIB
    flush_s: float = 5.0  # how long the end of the program may wait for the server
    timeout_s: float = 10.0  # for one call of the server
    batch_s: float = 0.05
    beat_s: float = 10.0
    away_s: float = 1.0  # after so long without the server, events are written to disk

    @property
    def problem(self) -> str:
        """The reason why nothing can be reported, or an empty text."""
        if not self.url:
            return "CREWOPS_URL is not set"
        if not self.url.startswith(("http://", "https://")):
            return f"CREWOPS_URL must begin with http:// or https://, not {self.url[:40]!r}"
        if not self.api_key:
            return "CREWOPS_API_KEY is not set"
        if not (self.api_key.isascii() and self.api_key.isprintable()):
            return "CREWOPS_API_KEY has characters that no API key has"
        return ""


def _true(text: str) -> bool:
    return text.strip().lower() in ("1", "true", "yes", "on")


def _number(text: str, default: float) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return default


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    directory = environ.get("CREWOPS_SPOOL_DIR", "")
    return Settings(
        url=environ.get("CREWOPS_URL", "").strip(),
        api_key=environ.get("CREWOPS_API_KEY", "").strip(),
        capture_text=_true(environ.get("CREWOPS_CAPTURE_TEXT", "")),
        disabled=_true(environ.get("CREWOPS_DISABLED", "")),
        controls=_true(environ.get("CREWOPS_CONTROLS", "1")),
        approvals=_true(environ.get("CREWOPS_APPROVALS", "")),
        approve_s=_number(environ.get("CREWOPS_APPROVE_S", ""), 3600.0),
        spool_dir=Path(directory) if directory else None,
        spool_limit=int(_number(environ.get("CREWOPS_SPOOL_MIB", ""), 256) * MIB),
        flush_s=_number(environ.get("CREWOPS_FLUSH_S", ""), 5.0),
    )


def default_spool_directories() -> list[Path]:
    """Return the directories where the spool may be, the best one first."""
    state = os.environ.get("XDG_STATE_HOME", "")
    places = [Path(state) / "crewops"] if state.startswith("/") else []
    home = Path(os.path.expanduser("~"))
    if home.is_absolute() and home != Path("/"):
        places.append(home / ".local" / "state" / "crewops")
    user = os.getuid() if hasattr(os, "getuid") else "user"
    places.append(Path(tempfile.gettempdir()) / f"crewops-{user}")
    return places
