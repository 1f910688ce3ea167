from pathlib import Path

import pytest

from runs.tests.tools.recorder import Recorder


@pytest.fixture
def emitter() -> Recorder:
    return Recorder()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    path = tmp_path / "workspace"
    path.mkdir()
    return path
