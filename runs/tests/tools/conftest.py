import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runs.tests.tools.recorder import Recorder
from runs.tests.tools.repositories import make_repository
from runs.tests.tools.scene import Scene, scene
from runs.tools import box


@pytest.fixture
def emitter() -> Recorder:
    return Recorder()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    path = tmp_path / "workspace"
    path.mkdir()
    return path


@pytest.fixture
def origin(tmp_path: Path, settings) -> Path:
    """A repository, where local clones are allowed."""
    settings.TOOLS_GIT_LOCAL_ROOT = str(tmp_path)
    return make_repository(tmp_path / "origin")


@pytest.fixture
def loot(tmp_path: Path) -> Iterator[Scene]:
    """Secrets within reach of the worker."""
    with scene(tmp_path) as made:
        yield made


@pytest.fixture
def in_tier(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Runs tools in that tier from here on; ``limits`` is the control without a box."""
    found = box.tier()

    def choose(name: str) -> None:
        if name == "namespaces" and not found.is_sandbox:
            # CI must have user namespaces; elsewhere what cannot be tried is said.
            (pytest.fail if "CI" in os.environ else pytest.skip)(found.shortfall)
        tier = found if name == found.name else box.Tier(name)
        monkeypatch.setattr(box, "tier", lambda: tier)

    return choose
