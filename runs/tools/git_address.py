"""Which repositories may be cloned. Addresses are checked before git gets them.

git executes commands that are hidden in addresses (`--upload-pack=...`, `ext::sh -c ...`,
`ssh://-oProxyCommand=...`). So every address that is not known to be harmless is rejected.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

PORTS = {"https": 443, "http": 80}  # only schemes that run no command on this machine
MAX_URL_CHARS = 2000
HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
URL_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?%@!$&'()*+,;=-]+")
PATH_CHARACTERS = re.compile(r"[\w./ +=@~-]+")

# git-check-ref-format(1)
REF_CHARACTERS = re.compile(r"[^\x00-\x20\x7f~^:?*\[\\]+")
PREFIXED = re.compile(r"(?:refs/(?:heads|tags|remotes/origin)|(?:remotes/)?origin)/(.+)")
MAX_REF_BYTES = 244  # 255 for a file name, minus the longest lock suffix


class InvalidGitSource(ValueError):
    """An address or a branch that git must not get. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Address:
    """A repository that may be cloned."""

    url: str
    scheme: str  # https, http or file
    path: str = ""  # of a local repository
    host: str = ""
    port: int = 0

    @property
    def destination(self) -> str:
        """The host, with its port if that is not the scheme's default."""
        return self.host if self.port == PORTS.get(self.scheme) else f"{self.host}:{self.port}"


def parse(text: str) -> Address:
    """Parse the address in `text`. Raises InvalidGitSource."""
    if len(text) > MAX_URL_CHARS:
        raise InvalidGitSource(f"An address has at most {MAX_URL_CHARS} characters.")
    if text.startswith("/") or text.startswith("file://"):
        return _local(text)
    return _remote(text)


def check_branch(name: str) -> str:
    """Return `name` if git would read it as a branch, tag or commit and not as an option.

    Raises InvalidGitSource otherwise.
    """
    parts = name.split("/")
    if (
        name.startswith("-")
        or name == "@"
        or not REF_CHARACTERS.fullmatch(name)
        or ".." in name
        or "@{" in name
        or name.endswith(".")
        or any(not part or part.startswith(".") or part.endswith(".lock") for part in parts)
        or len(name.encode(errors="replace")) > MAX_REF_BYTES
    ):
        raise InvalidGitSource("Write the name of a branch or tag, such as main or release/2.0.")
    if name.upper() in ("HEAD", "FETCH_HEAD", "ORIG_HEAD"):
        raise InvalidGitSource("Leave the branch out to clone the default one, which HEAD names.")
    if match := PREFIXED.fullmatch(name):
        raise InvalidGitSource(f"Write the branch or tag alone: {match[1]}.")
    if name.startswith("refs/"):
        raise InvalidGitSource(
            "Write a branch, a tag or the whole id of a commit; no other ref is cloned."
        )
    return name


def _remote(text: str) -> Address:
    schemes = [name for name in settings.TOOLS_GIT_ALLOWED_SCHEMES if name in PORTS]
    example = f"{schemes[0] if schemes else 'https'}://host/path/repository.git"
    if not URL_CHARACTERS.fullmatch(text):
        raise InvalidGitSource(f"Write the address as {example}; other characters as %XX.")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise InvalidGitSource(f"Write the address as {example}.") from None
    if parts.scheme not in schemes or not text.startswith(f"{parts.scheme}://"):
        raise InvalidGitSource(
            f"Write the address as {example}. Allowed: {', '.join(schemes) or 'none'}."
        )
    host = parts.hostname or ""
    if not HOST.fullmatch(host) or port == 0:
        raise InvalidGitSource("Write the host by its name, such as github.com.")
    if host not in settings.TOOLS_GIT_ALLOWED_HOSTS and "*" not in settings.TOOLS_GIT_ALLOWED_HOSTS:
        allowed = ", ".join(settings.TOOLS_GIT_ALLOWED_HOSTS) or "none"
        raise InvalidGitSource(
            f"The host {host} is not allowed here (TOOLS_GIT_ALLOWED_HOSTS: {allowed})."
        )
    if "@" in parts.netloc:
        raise InvalidGitSource(
            "Write the address without user name, password and token, where many can read them: "
            "store them as a secret of the organization, and name that as the credential."
        )
    if parts.query or not parts.path.strip("/"):
        raise InvalidGitSource(f"Write the address as {example}, without ?.")
    return Address(
        url=f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}",
        scheme=parts.scheme,
        host=host,
        port=port or PORTS[parts.scheme],
    )


def _local(text: str) -> Address:
    root = settings.TOOLS_GIT_LOCAL_ROOT
    if not root:
        raise InvalidGitSource("Local repositories are not allowed here (TOOLS_GIT_LOCAL_ROOT).")
    path = Path(text.removeprefix("file://"))
    if not PATH_CHARACTERS.fullmatch(str(path)) or not path.is_absolute():
        raise InvalidGitSource("Write a local repository as an absolute path of plain characters.")
    root = Path(root).resolve()
    # Resolved, because neither `..` nor a symbolic link may lead outside.
    if not (resolved := path.resolve()).is_relative_to(root) or resolved == root:
        raise InvalidGitSource(f"Only repositories below {root} may be cloned.")
    return Address(url=f"file://{resolved}", scheme="file", path=str(resolved))
