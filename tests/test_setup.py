"""The set-up: pinned packages with their reasons, and a Makefile that says what is wrong."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

PIN = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[\w+\])?==(\S+)(?: ; .+?)?  # (\S.+)$")


def pins(name: str) -> dict[str, str]:
    """``{package: version}`` of a requirements file; fails at a line without a pin or a reason."""
    found = {}
    for line in (settings.BASE_DIR / name).read_text().splitlines():
        if line and not line.startswith(("#", "-r ")):
            match = PIN.match(line)
            assert match, line
            found[normal(match[1])] = match[2]
    return found


def normal(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


@pytest.mark.parametrize("kind", ["", "-dev", "-bench"])
def test_every_requirement_is_pinned_for_a_reason_and_as_in_the_constraints(kind):
    lines = (settings.BASE_DIR / "constraints.txt").read_text().splitlines()
    constraints = dict(line.split("==") for line in lines if not line.startswith("#"))
    constraints = {normal(package): version for package, version in constraints.items()}
    wanted = pins(f"requirements{kind}.txt")
    assert wanted
    for package, version in wanted.items():
        assert constraints[package] == version, package


@pytest.mark.parametrize("kind", ["", "-dev", "-bench"])
def test_no_requirement_is_named_twice(kind):
    text = (settings.BASE_DIR / f"requirements{kind}.txt").read_text()
    names = [normal(name) for name in re.findall(r"^([\w.-]+)", text, re.MULTILINE)]
    assert sorted(names) == sorted(set(names))


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A directory with the Makefile and the files it installs from."""
    for name in ("Makefile", "requirements.txt", "constraints.txt", "package-lock.json"):
        shutil.copy(settings.BASE_DIR / name, tmp_path)
    return tmp_path


def make(checkout: Path, *arguments: str, path: str) -> subprocess.CompletedProcess[str]:
    """`make` as from a terminal: without the variables of a `make` that runs this suite."""
    return subprocess.run(
        [str(shutil.which("make")), *arguments],
        cwd=checkout,
        env={"PATH": path, "HOME": str(checkout)},
        capture_output=True,
        text=True,
    )


def test_an_old_python_is_named_with_what_to_do(checkout):
    old = checkout / "bin" / "python3"
    old.parent.mkdir()
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\n[ "$1" = --version ]\n')
    old.chmod(0o755)
    refused = make(checkout, "setup", path=str(old.parent))
    assert refused.returncode == 2
    assert "CrewOps needs Python 3.11 or newer; python3 here is: Python 3.9.2." in refused.stderr
    assert "make run PYTHON=/path/to/python3.12" in refused.stderr
    named = make(checkout, "setup", f"PYTHON={old}", path=str(old.parent))
    assert f"needs Python 3.11 or newer, and PYTHON={old} is not." in named.stderr
    assert not (checkout / ".venv").exists()


def test_an_installation_that_fails_is_done_again_and_one_that_succeeds_is_not(checkout):
    stamp, path = ".venv/.installed", os.environ["PATH"]
    assert make(checkout, stamp, "PIP=false", path=path).returncode == 2
    assert not (checkout / stamp).exists()
    again = make(checkout, stamp, "PIP=true", path=path)
    assert again.returncode == 0, again.stderr
    assert "Installing the Python packages" in again.stdout
    assert "Installing" not in make(checkout, stamp, "PIP=false", path=path).stdout
    later = (checkout / stamp).stat().st_mtime + 10
    os.utime(checkout / "requirements.txt", (later, later))
    assert make(checkout, stamp, "PIP=false", path=path).returncode == 2


def test_make_alone_lists_the_tasks():
    listed = make(settings.BASE_DIR, path=os.environ["PATH"])
    assert {"make run", "make test", "make clean"} <= set(re.findall(r"make \w+", listed.stdout))
