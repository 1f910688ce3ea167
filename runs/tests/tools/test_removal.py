"""Removing trees that were made to stay."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runs.tools.removal import remove_tree

DEEP = "import os\nfor n in range(1200): os.mkdir('d'); os.chdir('d')"


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """A tree of 1200 levels."""
    path = tmp_path / "deep"
    path.mkdir()
    subprocess.run([sys.executable, "-c", DEEP], cwd=path, check=True)
    return path


def test_a_deep_tree(deep):
    remove_tree(deep)
    assert not deep.exists()


def test_control_the_standard_library_fails_on_it(deep):
    with pytest.raises(RecursionError):
        shutil.rmtree(deep)
    remove_tree(deep)


def test_directories_that_keep_their_owner_out(tmp_path):
    inner = tmp_path / "tree/inner"
    inner.mkdir(parents=True)
    (inner / "file").touch()
    inner.chmod(0)
    remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


def test_symbolic_links_are_not_followed(tmp_path):
    tree, outside = tmp_path / "tree", tmp_path / "outside"
    tree.mkdir()
    outside.mkdir()
    (outside / "file").touch(mode=0o400)
    (tree / "link").symlink_to(outside)
    remove_tree(tree)
    assert (outside / "file").stat().st_mode & 0o777 == 0o400
    assert not tree.exists()


def test_a_symbolic_link_in_its_place_is_removed_alone(tmp_path):
    (tmp_path / "outside").mkdir(mode=0o500)
    (tmp_path / "link").symlink_to("outside")
    remove_tree(tmp_path / "link")
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "outside").stat().st_mode & 0o777 == 0o500


def test_a_name_that_looks_like_an_option(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("-x").mkdir()
    remove_tree(Path("-x"))
    assert not Path("-x").exists()


def test_nothing_to_remove(tmp_path):
    remove_tree(tmp_path / "missing")
