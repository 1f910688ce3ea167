"""Events on disk: while the server is away, and after the program was killed."""

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crewops_client import spool
from crewops_client.runs import Run
from sdk.conftest import Make
from sdk.report_server import KEY, ReportServer


def numbers(server: ReportServer) -> list[int]:
    return [int(event["message"]) for event in server.of("error")]


def spooled(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*.ndjson"))


def until(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_more_than_the_memory_goes_to_disk_and_comes_back_in_order(
    make: Make, server: ReportServer, tmp_path: Path
):
    reporter = make(memory_limit=400_000, away_s=60)
    run = Run(reporter, "c").start()
    assert run.flush(20)
    server.hold.clear()
    for number in range(6000):
        run.error(str(number))
        if number % 200 == 0:  # the queue itself holds few with so little memory
            until(lambda: reporter._queue.qsize() < 50)
    until(lambda: spooled(tmp_path) > 100_000)
    server.hold.set()
    assert run.flush(20)
    assert numbers(server) == list(range(6000))
    assert server.duplicates == 0
    until(lambda: not spooled(tmp_path))


def test_it_is_for_its_user_alone(make: Make, server: ReportServer, tmp_path: Path):
    server.hold.clear()
    Run(make(), "c").start()
    until(lambda: spooled(tmp_path))
    for path in [tmp_path / "spool", *(tmp_path / "spool").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_full_disk_is_named_once_and_loses_nothing_that_fits_in_memory(
    make: Make, server: ReportServer, quick_backoff: None, monkeypatch, caplog
):
    monkeypatch.setattr("crewops_client.outbox.DISK_RETRY_S", 0.05)
    write, full, tried = os.write, [True], []

    def on_a_full_disk(descriptor: int, data) -> int:
        if full[0] and len(data) > 10:
            tried.append(len(data))
            if len(tried) % 2:
                return write(descriptor, bytes(data[:10]))  # a part fits
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(spool.os, "write", on_a_full_disk)
    run = Run(make(), "c").start()
    assert run.flush(20)
    server.hold.clear()
    for number in range(500):
        run.error(str(number))
    until(lambda: len(tried) > 4)
    full[0] = False
    time.sleep(0.2)
    for number in range(500, 600):
        run.error(str(number))
    server.hold.set()
    assert run.flush(20)
    assert numbers(server) == list(range(600))
    assert caplog.text.count("the spool cannot be written") == 1


def test_the_limit_of_the_disk_holds(make: Make, server: ReportServer, tmp_path: Path, caplog):
    reporter = make(spool_limit=50_000, memory_limit=400_000)
    run = Run(reporter, "c").start()
    assert run.flush(20)
    server.hold.clear()
    for number in range(20_000):
        run.error(str(number))
        if number % 100 == 0:
            until(lambda: reporter._queue.qsize() < 50)
    assert spooled(tmp_path) <= 50_000
    reporter.close(0.1)
    assert spooled(tmp_path) <= 50_000
    assert "limit" in caplog.text


def test_what_a_program_leaves_behind_the_next_one_sends(
    make: Make, server: ReportServer, quick_backoff: None
):
    server.answers = [(502, {})] * 1000
    first = make()
    run = Run(first, "c", key="one").start()
    for number in range(2000):
        run.error(str(number))
    first.close(0.3)
    server.answers.clear()
    assert server.events == []
    second = make()
    other = Run(second, "c", key="two").start()
    server.wait_for("done")
    other.end()
    assert other.flush(20)
    mine = [event for event in server.events if event["run"] == "one"]
    assert [int(event["message"]) for event in mine if event["type"] == "error"] == list(
        range(2000)
    )
    assert mine[-1]["type"] == "done"
    assert mine[-1]["reason"] == "reporter_exited"


def test_rejected_events_of_an_earlier_program_are_not_taken_for_own_ones(
    make: Make, server: ReportServer, quick_backoff: None, caplog
):
    server.answers = [(502, {})] * 1000
    first = make()
    run = Run(first, "c", key="one").start()
    run.error("x")
    first.close(0.3)
    server.answers.clear()
    server.reject = lambda event: "run_ended" if event["run"] == "one" else None
    caplog.clear()
    second = make()
    other = Run(second, "c", key="two").start()
    until(lambda: "an event that an earlier program left on disk was rejected" in caplog.text)
    other.end()
    assert other.flush(20)
    assert caplog.text.count("rejected") == 1
    second.close(5)
    assert "rejected in all" not in caplog.text


KILLED = """
import sys, time
from crewops_client.reporter import Reporter
from crewops_client.runs import Run
from crewops_client.settings import Settings
from pathlib import Path
settings = Settings(sys.argv[1], sys.argv[2], spool_dir=Path(sys.argv[3]), batch_s=0.01, away_s=0.05)
run = Run(Reporter(settings), "c", key="killed").start()
number = 0
while True:
    run.error(str(number))
    number += 1
    time.sleep(0.0005)
"""


def test_after_sigkill_what_was_sent_or_on_disk_is_there_once_and_in_order(
    make: Make, server: ReportServer, tmp_path: Path
):
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-c", KILLED, server.url, KEY, str(tmp_path)]
    process = subprocess.Popen(command, env=environment)
    server.wait_for("error", 100)
    server.drop_answers = 1  # taken, but it does not know
    server.wait(lambda: server.drop_answers == 0)
    server.hold.clear()
    server.called()
    until(lambda: spooled(tmp_path) > 20_000)
    process.send_signal(signal.SIGKILL)
    process.wait()
    lines = [line for path in tmp_path.rglob("*.ndjson") for line in path.read_bytes().splitlines()]
    with open(max(tmp_path.rglob("*.ndjson")), "ab") as file:
        file.write(b'{"id":"torn","run":"kil')  # as if it had been killed in a write
    server.hold.set()
    Run(make(), "c").start()
    until(lambda: spooled(tmp_path) == 0)
    found = numbers(server)
    assert len(lines) > 100
    assert found == list(range(len(found)))
    assert f'"{found[-1]}"'.encode() in lines[-1]
    assert server.duplicates > 0


def test_a_living_process_keeps_its_spool(tmp_path: Path):
    mine = spool.create(tmp_path, 1000)
    mine.append([b"{}\n"])
    assert list(spool.left_behind(tmp_path)) == []
    mine.close()
    assert [each.size for each in spool.left_behind(tmp_path)] == [3]


def test_segments_are_removed_as_they_are_sent(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(spool, "SEGMENT", 100)
    queue = spool.create(tmp_path, 10_000)
    lines = [b"%04d\n" % number for number in range(200)]
    for start in range(0, 200, 10):
        queue.append(lines[start : start + 10])
    read = []
    while batch := queue.read(7, 1000):
        assert queue.read(7, 1000) == batch
        queue.remove(batch)
        read += batch
    assert read == lines
    assert queue.size == 0
    assert not list(tmp_path.rglob("*.ndjson"))
    queue.append([b"again\n"])
    assert queue.read(7, 1000) == [b"again\n"]


@pytest.mark.parametrize("own", [True, False])
def test_a_line_longer_than_what_is_read_at_once_is_read_whole(tmp_path: Path, own: bool):
    """After answers 413 less is read at once than one event may have."""
    queue = spool.create(tmp_path, 100_000)
    lines = [b"1\n", b"2" * 30_000 + b"\n", b"3\n", b"4" * 40_000 + b"\n"]
    queue.append(lines)
    if not own:
        queue.close()
        (queue,) = spool.left_behind(tmp_path)
    read = []
    while batch := queue.read(900, 16 * 1024):
        queue.remove(batch)
        read += batch
    assert read == lines


def test_another_key_never_gets_it(make: Make, tmp_path: Path):
    settings = make().settings
    one = spool.base_directory(settings)
    other = spool.base_directory(make(api_key="crewops_other").settings)
    assert one != other


def test_without_a_place_it_works_in_memory(make: Make, server: ReportServer, tmp_path: Path):
    (tmp_path / "file").write_text("")
    run = Run(make(spool_dir=tmp_path / "file"), "c").start()
    assert run.flush(20)
    server.hold.clear()
    run.error("1")
    time.sleep(0.3)
    server.hold.set()
    assert run.flush(20)
    assert numbers(server) == [1]


@pytest.mark.parametrize("name", ["a", "b"])
def test_names_of_other_files_do_no_harm(tmp_path: Path, name: str):
    (tmp_path / name).write_text("x")
    assert list(spool.left_behind(tmp_path)) == []


def test_a_spool_that_its_process_removes_meanwhile_is_passed_over(tmp_path: Path, monkeypatch):
    waits = spool.create(tmp_path, 10_000)
    waits.append([b"x" * 99 + b"\n"])
    waits.forget()
    for name in ("1-before", "9-after"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "00000001.ndjson").write_bytes(b"sent")
    iterdir, walk = Path.iterdir, os.walk

    def removed_after(found):
        """The other two directories go when they have just been found."""
        for each in (listed := list(found)):
            directory = Path(each[0] if isinstance(each, tuple) else each)
            if directory.name in ("1-before", "9-after"):
                shutil.rmtree(directory, ignore_errors=True)
        return iter(listed)

    with monkeypatch.context() as patch:
        patch.setattr(os, "walk", lambda *args: removed_after(walk(*args)))
        assert spool.create(tmp_path, 10_000)._limit == 9_900
    for name in ("1-before", "9-after"):
        (tmp_path / name).mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", lambda path: removed_after(iterdir(path)))
        patch.setattr(Path, "is_dir", lambda path: True)
        assert [found.size for found in spool.left_behind(tmp_path)] == [100]


@pytest.mark.parametrize("own", [True, False])
def test_what_cannot_be_read_does_not_keep_back_other_events(
    make: Make, server: ReportServer, tmp_path: Path, monkeypatch, own, caplog
):
    reporter = make(away_s=0.0)
    run = Run(reporter, "c").start()
    assert run.flush(20)
    server.hold.clear()
    for number in range(2):  # the second waits on disk while the first is sent
        before = spooled(tmp_path)
        run.error(f"on disk {number}")
        until(lambda before=before: spooled(tmp_path) > before)
    outbox = reporter._sender.outbox
    if not own:
        outbox._found.append(spool.Spool(tmp_path / "spool", -1, 0))
    lost = [outbox._own] if own else outbox._found[:]
    read = spool.Spool.read

    def fail_for_lost(self, *limits):
        if self in lost:
            raise OSError(errno.EIO, "no such luck")
        return read(self, *limits)

    monkeypatch.setattr(spool.Spool, "read", fail_for_lost)
    server.hold.set()
    until(lambda: "cannot be read" in caplog.text)
    run.error("after")
    assert run.flush(20)
    assert server.of("error")[-1]["message"] == "after"
    assert len(server.of("error")) == (2 if own else 3)
