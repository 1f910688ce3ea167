"""Locks and descriptors of the spools: where there are none, and where there are many spools."""

import errno
import os
from pathlib import Path

import pytest

from crewops_client import outbox, spool
from crewops_client.runs import Run
from sdk.conftest import Make
from sdk.report_server import ReportServer
from sdk.test_sdk_spool import numbers, until


def no_locks(*args: object) -> None:
    raise OSError(errno.ENOLCK, "No locks available")


def left_by_ended_programs(base: Path, count: int) -> None:
    for number in range(count):
        (base / f"{number}-ended").mkdir(mode=0o700)
        line = b'{"id":"%d","run":"r","type":"error","message":"%d"}\n' % (number, number)
        (base / f"{number}-ended" / "00000001.ndjson").write_bytes(line)


def test_without_locks_events_stay_in_memory_and_nothing_is_left_on_disk(
    make: Make, server: ReportServer, tmp_path: Path, monkeypatch, quick_backoff: None, caplog
):
    monkeypatch.setattr("crewops_client.outbox.DISK_RETRY_S", 0.05)
    monkeypatch.setattr(spool.fcntl, "flock", no_locks)
    server.answers = [(502, {})] * 1000
    run = Run(make(), "c").start()
    run.error("1")
    until(lambda: "cannot be written" in caplog.text)
    assert list((tmp_path / "spool").glob("*/*")) == []
    server.answers.clear()
    run.error("2")
    assert run.flush(20)
    assert numbers(server) == [1, 2]
    assert "internal error" not in caplog.text


@pytest.mark.parametrize("opened", [0, 1])
def test_without_descriptors_no_directory_and_no_lock_is_left(
    tmp_path: Path, monkeypatch, opened: int
):
    """The first is the one of the lock, and the second lists the directory."""
    real = os.open

    def opens(*args, **options) -> int:
        if not opened:
            raise OSError(errno.EMFILE, "Too many open files")
        return real(*args, **options)

    def lists(self: Path, pattern: str):
        raise OSError(errno.EMFILE, "Too many open files")

    before = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patch:
        patch.setattr(spool.os, "open", opens)
        patch.setattr(Path, "glob", lists)
        with pytest.raises(OSError, match="no lock" if not opened else "Too many"):
            spool.create(tmp_path, 1000)
    assert list(tmp_path.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_few_of_many_spools_are_open_at_a_time_and_all_are_sent(make: Make, server: ReportServer):
    first = make()
    base = spool.base_directory(first.settings)
    left_by_ended_programs(base, 40)
    server.hold.clear()
    run = Run(first, "c").start()
    found = first._sender.outbox._found
    until(lambda: len(found) >= outbox.FOUND)
    assert len(found) == outbox.FOUND
    server.hold.set()
    until(lambda: len(server.of("error")) == 40)
    run.end()
    assert run.flush(20)
    assert sorted(numbers(server)) == list(range(40))


def test_many_that_cannot_be_read_do_not_keep_back_others(
    make: Make, server: ReportServer, monkeypatch
):
    reporter = make()
    base = spool.base_directory(reporter.settings)
    left_by_ended_programs(base, 40)
    for number in range(40):  # oldest first
        os.utime(base / f"{number}-ended", (number, number))
    read = spool.Spool.read

    def reads(self: spool.Spool, *limits: int) -> list[bytes]:
        if int(self.directory.name.split("-")[0]) < 20:
            raise OSError(errno.EIO, "no such luck")
        return read(self, *limits)

    monkeypatch.setattr(spool.Spool, "read", reads)
    Run(reporter, "c").start()
    until(lambda: len(server.of("error")) == 20)
    assert sorted(numbers(server)) == list(range(20, 40))
