"""Several tools begin in the same new workspace at the same time, as parallel tasks do."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from runs import tools
from runs.tests.tools.recorder import Recorder
from runs.tools import Outcome, Status, box

AT_ONCE = 6
ROUNDS = 4
CODE = 'test -O "$HOME" && test -O "$TMPDIR" && touch "$HOME/a" "$TMPDIR/a"'


@pytest.mark.parametrize("tier", ["namespaces", "user", "limits"])
def test_each_finds_the_private_directories(tmp_path: Path, tier, in_tier, monkeypatch):
    if tier == "user":
        if os.geteuid():
            pytest.skip("Only root can run tools as another user.")
        monkeypatch.setattr(box, "tier", lambda: box.Tier("user", uid=box.TOOLS_UID))
        for directory in (tmp_path, *tmp_path.parents):  # any user may enter them
            if directory.stat().st_mode & 0o001 == 0:
                directory.chmod(directory.stat().st_mode | 0o011)
    else:
        in_tier(tier)
    script = tools.get("script")
    params = script.clean({"interpreter": "bash", "code": CODE})

    def run(workspace: Path, barrier: Barrier) -> Outcome:
        barrier.wait()
        return script.run(params, workspace, Recorder())

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number in range(ROUNDS):
            workspace = tmp_path / str(number)
            workspace.mkdir(0o700)
            (workspace / "left").mkdir()
            (workspace / "left" / "file").touch()
            barrier = Barrier(AT_ONCE)
            work = [pool.submit(run, workspace, barrier) for _ in range(AT_ONCE)]
            found = [each.result() for each in work]
            assert {outcome.status for outcome in found} == {Status.SUCCESS}, found
