"""What the server does, or does not, and what the program notices of it: nothing."""

import time

import pytest

from crewops_client.runs import Run
from sdk.conftest import Make
from sdk.report_server import ReportServer


def numbers(server: ReportServer) -> list[str]:
    return [event["message"] for event in server.of("error")]


def report(run: Run, numbers: range) -> None:
    for number in numbers:
        run.error(str(number))


def test_events_go_in_batches_over_one_connection(make: Make, server: ReportServer):
    run = Run(make(), "c").start()
    report(run, range(2500))
    assert run.flush(20)
    assert numbers(server) == [str(number) for number in range(2500)]
    assert 3 <= len(server.calls) <= 20
    assert len(server._sockets) == 1
    assert max(call["size"] for call in server.calls) < 60_000  # compressed


def test_neighbouring_outputs_are_one_event(make: Make, server: ReportServer):
    run = Run(make(), "c").start()
    tool = run.start_tool("x")
    for _ in range(3000):
        tool.output("ten chars\n")
    tool.end()
    assert run.flush(20)
    pieces = [event["output"] for event in server.of("tool_progress")]
    assert "".join(pieces) == "ten chars\n" * 3000
    assert len(pieces) < 100
    assert max(map(len, pieces)) <= 8000


def test_long_output_is_split(make: Make, server: ReportServer):
    run = Run(make(), "c").start()
    text = "\x00\ud800é" * 20_000
    tool = run.start_tool("x", {"code": "x" * 100_000})
    tool.output(text)
    tool.end()
    assert run.flush(20)
    assert "".join(event["output"] for event in server.of("tool_progress")) == text
    assert len(server.of("tool_start")[0]["params"]["code"]) == 4001


def test_long_output_is_split_between_lines(make: Make, server: ReportServer):
    run = Run(make(), "c").start()
    text = ("a line of output\n" * 2000) + "x" * 20_000 + "\nlast"
    tool = run.start_tool("x")
    tool.output(text)
    tool.end()
    assert run.flush(20)
    pieces = [event["output"] for event in server.of("tool_progress")]
    assert "".join(pieces) == text
    assert max(map(len, pieces)) <= 8000
    assert all(piece.endswith("\n") or "x" in piece for piece in pieces[:-1])


def test_long_texts_have_room_again_when_the_queue_was_empty(make: Make, server: ReportServer):
    reporter = make(memory_limit=80_000, batch_s=0.1)
    run = Run(reporter, "c").start()
    for number in range(8):
        run.error("these events are on the queue")
        run.error("when the long text is")
        with run.start_tool("x") as tool:
            assert tool.output("x" * 5_000)
        server.wait_for("tool_end", number + 1)
    assert sum(len(event["output"]) for event in server.of("tool_progress")) == 40_000


def test_runs_may_begin_in_another_thread_at_any_moment(make: Make, server: ReportServer):
    reporter = make()
    run = Run(reporter, "c").start()
    begun = []
    # A reference that begins a run when it is read, as another thread may at that moment.
    reporter.runs.data["x"] = lambda: begun.append(Run(reporter, "c"))  # type: ignore[assignment]
    assert reporter.can_follow()
    reporter.close()
    assert len(begun) == 2
    assert [event["run"] for event in server.of("done")] == [run.key]


@pytest.mark.parametrize("part", ["drop_answers", "cut_answers"])
def test_an_answer_that_is_lost_doubles_nothing(
    make: Make, server: ReportServer, quick_backoff: None, part
):
    setattr(server, part, 3)
    run = Run(make(), "c").start()
    report(run, range(50))
    assert run.flush(20)
    assert numbers(server) == [str(number) for number in range(50)]
    assert server.duplicates > 0


def test_a_busy_server_is_left_alone_for_as_long_as_it_says(
    make: Make, server: ReportServer, caplog
):
    server.answers = [(503, {"Retry-After": "1"})]
    run = Run(make(), "c").start()
    began = time.monotonic()
    assert run.flush(20)
    assert time.monotonic() - began >= 0.9
    assert len(server.calls) == 2
    assert caplog.text == ""  # busy is no news


def test_a_call_that_is_too_large_is_halved(make: Make, server: ReportServer):
    server.limit = 20_000
    run = Run(make(batch_s=0.05), "c").start()
    report(run, range(900))
    assert run.flush(20)
    assert numbers(server) == [str(number) for number in range(900)]


def test_one_spoiled_event_loses_no_neighbour(make: Make, server: ReportServer, caplog):
    server.limit = 20_000
    run = Run(make(), "c").start()
    report(run, range(10))
    tool = run.start_tool("x")
    tool.output("x" * 6_000)
    run.start_tool("large", dict.fromkeys("abcdefgh", "x" * 3000))
    report(run, range(10, 20))
    assert run.flush(20)
    assert numbers(server) == [str(number) for number in range(20)]
    assert [event["tool"] for event in server.of("tool_start")] == ["x"]
    assert caplog.text.count("an event was refused (HTTP 413") == 1


def test_rejected_events_are_named_once(make: Make, server: ReportServer, caplog):
    server.reject = lambda event: "invalid" if event["type"] == "error" else None
    reporter = make()
    run = Run(reporter, "c").start()
    report(run, range(5))
    run.end()
    assert run.flush(20)
    reporter.close()
    assert server.kinds() == ["boot", "done"]
    assert caplog.text.count("an event was rejected: invalid: no.") == 1
    assert caplog.text.count("5 events were rejected in all") == 1


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (401, {}, "does not accept the key in CREWOPS_API_KEY (401 as given)"),
        (403, {}, "may not report runs"),
        (404, {}, "where no CrewOps is found (HTTP 404"),
        (301, {"Location": "https://x.example/api/report/"}, "redirects to https://x.example/"),
    ],
)
def test_a_wrong_key_or_address_is_named_once(
    make: Make, server: ReportServer, caplog, status, headers, said
):
    server.answers = [(status, headers)] * 10
    reporter = make()
    run = Run(reporter, "c").start()
    report(run, range(5))
    assert not run.flush(0.3)
    reporter.close()
    assert len(server.calls) == 1  # and not again at once
    assert caplog.text.count(said) == 1
    assert "crewops_test_key" not in caplog.text


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": ""}, "CREWOPS_URL is not set: nothing is reported"),
        ({"api_key": ""}, "CREWOPS_API_KEY is not set: nothing is reported"),
        ({"url": "localhost:8000"}, "must begin with http://"),
        ({"url": "http://localhost:eighty"}, "CREWOPS_URL is not valid"),
        ({"disabled": True}, None),
    ],
)
def test_without_url_or_key_nothing_happens(make: Make, caplog, settings, said):
    reporter = make(**settings)
    with Run(reporter, "c") as run, run.agent("a") as a, a.task("t"), a.tool("x") as tool:
        tool.output("text")
    assert run.flush(5)
    assert not reporter._started
    assert caplog.text.count(said) == 1 if said else caplog.text == ""


def test_a_server_that_is_away_and_comes_back(
    make: Make, server: ReportServer, quick_backoff: None, caplog
):
    caplog.set_level("INFO", "crewops_client")
    run = Run(make(), "c").start()
    report(run, range(100))
    assert run.flush(20)
    server.close()
    for number in range(100, 3000):
        run.error(str(number))
        if number % 500 == 0:
            time.sleep(0.1)
    assert not run.flush(0.1)
    back = ReportServer(server.port)
    try:
        report(run, range(3000, 3100))
        assert run.flush(20)
        assert numbers(back) == [str(number) for number in range(100, 3100)]
    finally:
        back.close()
    assert caplog.text.count("does not answer") == 1
    assert caplog.text.count("the server answers again") == 1


def test_a_server_that_hangs_costs_the_program_nothing(make: Make, server: ReportServer):
    run = Run(make(timeout_s=30), "c").start()
    assert run.flush(20)
    server.hold.clear()
    began = time.monotonic()
    for number in range(3000):
        run.error(str(number))
    # Who waits for the server once waits for the whole timeout.
    assert time.monotonic() - began < 30
    server.hold.set()
    assert run.flush(20)
    assert numbers(server) == [str(number) for number in range(3000)]


def test_an_open_run_beats_and_an_ended_one_does_not(make: Make, server: ReportServer):
    reporter = make(beat_s=0.05)
    run = Run(reporter, "c", key="n1").start()
    server.wait(lambda: len(server.beats) >= 3)
    assert set(server.beats) == {"n1"}
    assert server.kinds() == ["boot"]
    run.end()
    assert run.flush(20)
    before = len(server.beats)
    server.wait_for("done")
    time.sleep(0.2)
    assert len(server.beats) - before <= 1
    assert reporter.runs["n1"] is run


def test_more_than_memory_and_disk_can_take_is_counted(make: Make, server: ReportServer, caplog):
    reporter = make(memory_limit=200_000, spool_limit=0)
    run = Run(reporter, "c").start()
    assert run.flush(20)
    server.hold.clear()
    for number in range(5000):
        run.error(f"{number} " + "x" * 100)
    run.end()
    server.hold.set()
    assert run.flush(20)
    errors = server.of("error")
    lost = [event for event in errors if event.get("reason") == "events_lost"]
    arrived = len(errors) - len(lost)
    said = sum(int(event["message"].split()[3]) for event in lost)
    assert said == 5000 - arrived > 0
    assert len(server.of("done")) == 1
    assert caplog.text.count("events were lost: too many at once") == 1


def test_a_reporter_that_fails_inside_does_not_say_so_to_the_program(make: Make, caplog):
    reporter = make(flush_s=0.1)
    reporter._sender.outbox.add = None  # type: ignore[assignment]
    run = Run(reporter, "c").start()
    run.error("x")
    assert not run.flush(0.3)
    assert caplog.text.count("internal error") == 1
