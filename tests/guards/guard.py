"""What a guard is, and how it is taken out of a copy of the code."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent


class Misplaced(Exception):
    """The text of a guard does not stand exactly once where the list says."""


@dataclass(frozen=True, slots=True)
class Edit:
    """In ``file``, ``text`` is the guard, and ``without`` what stands there when it is gone."""

    file: str
    text: str
    without: str = ""

    def applied_to(self, tree: Path) -> str:
        """The file without the guard; raises ``Misplaced``."""
        path = tree / self.file
        source = path.read_text() if path.is_file() else ""
        if (times := source.count(self.text)) != 1:
            raise Misplaced(f"stands {times} times in {self.file}, not once: {self.text!r}")
        return source.replace(self.text, self.without)


@dataclass(frozen=True, slots=True)
class Guard:
    """``edits`` take it out, together with any guard that stands behind it. ``tests`` are the
    fewest that must turn red then, as pytest names them.
    """

    name: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]

    @contextmanager
    def removed_from(self, tree: Path) -> Iterator[None]:
        """Take it out of the files below ``tree`` for a while; raises ``Misplaced``."""
        before = {edit.file: (tree / edit.file).read_text() for edit in self.edits}
        try:
            for edit in self.edits:
                _write(tree / edit.file, edit.applied_to(tree))
            yield
        finally:
            for file, text in before.items():
                _write(tree / file, text)


def guard(
    name: str, file: str, text: str, without: str, *tests: str, behind: tuple[Edit, ...] = ()
):
    """A guard of one place; ``behind`` are those that would stop the same when it is gone."""
    return Guard(name, (Edit(file, text, without), *behind), tests)


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    # Python tells versions of a file by size and second, which two of ours may share.
    Path(cache_from_source(str(path))).unlink(missing_ok=True)
