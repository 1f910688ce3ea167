"""Static files at addresses that contain a version, so that a browser asks for each file once.

In ``/static/v-5f0c…/realtime/run.js`` the version is a hash of all files. Modules and style sheets
name each other by relative paths, so all files that a page loads are of one version. An address
with another version, or with none, serves the same file, but the browser checks it before each use.
"""

import hashlib
import os
import re
import time
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.storage import CompressedStaticFilesStorage

CACHED = "max-age=31536000, public, immutable"  # a year
LOOK_S = 1  # with DEBUG, how often it is looked whether a file has changed
COMPRESSED = (".br", ".gz")

ADDRESS = re.compile(r"v-([0-9a-f]+)/(.+)", re.DOTALL)


def version() -> str:
    """The version of all static files."""
    if settings.WHITENOISE_USE_FINDERS:
        return _version_of_sources(int(time.monotonic() / LOOK_S))
    return _version_of_collected(settings.STATIC_ROOT)


class VersionedStaticFilesStorage(CompressedStaticFilesStorage):
    def url(self, name: str, force: bool = False) -> str:
        return super().url(f"v-{version()}/{name}")


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._began = time.time()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        address = None
        if request.path_info.startswith(self.static_prefix):
            address = ADDRESS.fullmatch(request.path_info, len(self.static_prefix))
        if address is None:
            return super().__call__(request)
        asked, name = address.groups()
        request.path_info = f"{self.static_prefix}{name}"
        response = super().__call__(request)
        if response.status_code < 400 and asked == version() and self._is_of_this_process(name):
            response["Cache-Control"] = CACHED
        return response

    def _is_of_this_process(self, name: str) -> bool:
        """``False`` if the file was collected after the start: it belongs to the next version."""
        return self.use_finders or Path(self.static_root, name).stat().st_mtime < self._began


@cache
def _version_of_collected(root: Path) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(root.rglob("*")):
        if path.suffix not in COMPRESSED and path.is_file():
            digest.update(f"{path.relative_to(root)}\n{path.stat().st_size}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _version_of_sources(moment: int) -> str:
    """Of names, sizes and times of change. It is made once for each ``moment``."""
    digest = hashlib.blake2b(digest_size=8)
    for path in _sources():
        known = os.stat(path)
        digest.update(f"{path}\n{known.st_size}\n{known.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _sources() -> Iterator[str]:
    for finder in finders.get_finders():
        for name, storage in finder.list(None):
            yield storage.path(name)
