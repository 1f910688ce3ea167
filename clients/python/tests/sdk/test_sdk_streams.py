"""Output that Claude Code and Codex really wrote, replayed: the run that comes of it, by hand."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from crewops_client.exec_output import LINE, Lines
from crewops_client.runs import Run
from crewops_client.streams import MAPPERS, ClaudeCode, Codex, Mapper
from sdk import recorded
from sdk.report_server import KEY, ReportServer

VECTORS = Path(__file__).with_name("vectors") / "streams"
MAIN = "main"
NONE: dict[str, Any] = {}


def mapper_of(name: str, *argv: str) -> Mapper:
    kind = "codex" if name.startswith("codex") else "claude-code"
    return MAPPERS[kind](MAIN, "task", "p-", argv)


def lines_of(name: str) -> list[str]:
    return (VECTORS / f"{name}.jsonl").read_text().splitlines()


def replay(name: str, *argv: str) -> tuple[Mapper, list[tuple[str, dict[str, Any]]]]:
    mapper = mapper_of(name, *argv)
    return mapper, [event for line in lines_of(name) for event in mapper.feed(json.loads(line))]


def picture(events: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """What the events say, in the order in which things began.

    An end without a start is a fault.
    """
    seen: dict[str, dict[str, Any]] = {"agents": {}, "tools": {}, "calls": {}}
    for kind, fields in events:
        if kind == "agent_start":
            own = fields["instance"]
            assert own not in seen["agents"]
            seen["agents"][own] = [fields["agent_id"], fields["parent_agent_id"], "open"]
        elif kind == "agent_end":
            seen["agents"][fields["instance"]][2] = fields["status"]
        elif kind == "tool_start":
            own = fields["execution_id"]
            assert own not in seen["tools"]
            seen["tools"][own] = [fields["agent_id"], fields["tool"], "open", None, "", None]
        elif kind == "tool_progress":
            seen["tools"][fields["execution_id"]][4] += fields["output"]
        elif kind == "tool_end":
            tool = seen["tools"][fields["execution_id"]]
            assert tool[2] == "open"
            tool[2:4] = fields["status"], fields.get("exit_code")
            tool[5] = fields.get("message")
        elif kind == "llm_start":
            seen["calls"][fields["call_id"]] = [fields["provider"], fields["model"]]
        elif kind == "llm_end":
            tokens = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
            seen["calls"][fields["call_id"]] += [fields.get(each) for each in tokens]
            seen["calls"][fields["call_id"]].append(fields.get("cost_usd"))
    return {key: list(map(tuple, value.values())) for key, value in seen.items()}


CLAUDE = ("anthropic", "claude-sonnet-4-5")
DENIED = (
    "touch in '/home/dev/project/refused.txt' needs approval. The path is inside the working "
    "directories for this session ('/home/dev/project'), and Claude Code asks before a shell "
    "command creates, changes or removes files there."
)
REJECTED = (
    "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was "
    "a file edit, the new_string was NOT written to the file). STOP what you are doing and wait for "
    "the user to tell you how to proceed."
)
EXPECTED: dict[str, dict[str, Any]] = {
    "claude-code-2.1.332.tools": {
        "agents": [],
        "tools": [
            (MAIN, "Read", "success", None, "1\thello\n2\t", None),
            (MAIN, "Bash", "success", 0, "ok", None),
            (MAIN, "Bash", "error", 3, "out\nerr", "Exit code 3."),
            (MAIN, "Bash", "success", 0, "A", None),
            (MAIN, "Bash", "success", 0, "B", None),
        ],
        "calls": [(*CLAUDE, 750, 250, 100, None, 0.003075)],
        "end": ("succeeded", None),
    },
    "claude-code-2.1.332.background-subagent": {
        "agents": [("general-purpose", MAIN, "succeeded")],
        "tools": [("general-purpose", "Bash", "success", None, "sub1", None)],
        # Two result lines repeat the same sums.
        "calls": [(*CLAUDE, 750, 250, 100, None, 0.003075)],
        "end": ("succeeded", None),
    },
    "claude-code-2.1.332.foreground-subagent": {
        "agents": [("Explore", MAIN, "succeeded")],
        "tools": [("Explore", "Bash", "success", None, "sub", None)],
        "end": ("succeeded", None),
    },
    "claude-code-2.1.332.refused": {
        "agents": [],
        "tools": [
            (MAIN, "Bash", "cancelled", None, "", DENIED),
            (MAIN, "Read", "success", None, "1\thello\n2\t", None),
            (MAIN, "Nope", "error", None, "", "Error: No such tool available: Nope"),
            (MAIN, "Bash", "cancelled", None, "", "This Bash command contains multiple operations. "
             "The following part requires approval: exit 3"),
        ],
        "end": ("succeeded", None),
    },
    "claude-code-2.1.332.failed": {
        "agents": [],
        "tools": [(MAIN, "Bash", "success", 0, "before", None)],
        "end": ("failed", "API Error: 400 the model said no"),
    },
    "claude-code-2.1.332.interrupted": {
        "agents": [],
        "tools": [(MAIN, "Bash", "cancelled", None, "", REJECTED)],
        "end": ("cancelled", "Claude Code ended: aborted_tools."),
    },
    "codex-0.171.0.tools": {
        "agents": [],
        "tools": [
            (MAIN, "command_execution", "success", 0, "ok\n", None),
            (MAIN, "command_execution", "error", 3, "err\nout\n", "Exit code 3."),
            (MAIN, "command_execution", "success", 0, "A\n", None),
            (MAIN, "command_execution", "success", 0, "B\n", None),
            # Codex says no more of a command that runs for long. The end of the run ends it.
            (MAIN, "command_execution", "open", None, "", None),
        ],
        "calls": [("openai", "unknown", 500, 250, 100, 25, None)],
        "end": ("succeeded", None),
    },
    "codex-0.171.0.subagent": {
        "agents": [("sub-agent", MAIN, "open")],
        "tools": [(MAIN, "command_execution", "success", 0, "main\n", None)],
        "calls": [("openai", "unknown", 300, 150, 60, 15, None)],
        "end": ("succeeded", None),
    },
    "codex-0.171.0.failed": {
        "agents": [],
        "tools": [(MAIN, "command_execution", "success", 0, "before\n", None)],
        "calls": [],
        "end": ("failed", "the model said no"),
    },
    "codex-0.171.0.file-change": {
        "agents": [],
        "tools": [(MAIN, "file_change", "success", None, "", None)],
        "calls": [("openai", "unknown", 200, 100, 40, 10, None)],
        "end": ("succeeded", None),
    },
    # 200 of its 300 tokens are those of another process. Only `resume` would show that.
    "codex-0.171.0.resumed": {
        "agents": [],
        "tools": [],
        "calls": [("openai", "unknown", 300, 150, 60, 15, None)],
        "end": ("succeeded", None),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recording(name):
    mapper, events = replay(name)
    shown = {**picture(events), "end": mapper.verdict("succeeded", None)}
    expected = EXPECTED[name]
    if "calls" not in expected:
        assert len(shown.pop("calls")) <= 1
    assert shown == expected
    assert all(event[1].get("execution_id", "p-").startswith("p-") for event in events)


def test_every_recording_is_expected():
    assert sorted(path.stem for path in VECTORS.iterdir()) == sorted(EXPECTED)


@pytest.mark.parametrize("case", recorded.cases("coding_agents"), ids=lambda case: case["case"])
def test_make_test_integrations_expects_the_same(case):
    _, events = replay(case["case"])
    ours = [{"type": kind, **fields} for kind, fields in events]
    theirs = [event for event in case["events"] if event["type"] != "hook"]
    assert sorted(map(without_ids, ours)) == sorted(map(without_ids, theirs))


def without_ids(event: dict[str, Any]) -> str:
    return json.dumps({key: event[key] for key in sorted(event) if key not in recorded.IDS})


def test_tokens_are_the_difference_to_the_result_before():
    mapper = ClaudeCode(MAIN, "task", "", ())
    usage = {"inputTokens": 10, "outputTokens": 5, "costUSD": 0.5}
    line = {"type": "result", "is_error": False, "modelUsage": {"m": usage}}
    assert picture(mapper.feed(line))["calls"] == [("anthropic", "m", 10, 0, 5, None, 0.5)]
    assert mapper.feed(line) == []
    usage.update(inputTokens=11, costUSD=0.75)
    assert picture(mapper.feed(line))["calls"] == [("anthropic", "m", 1, 0, 0, None, 0.25)]


@pytest.mark.parametrize("written", [2, 0])
def test_tokens_of_claude_code_that_were_written_to_the_cache(written):
    usage = {"inputTokens": 4, "cacheReadInputTokens": 4, "cacheCreationInputTokens": written}
    line = {"type": "result", "is_error": False, "modelUsage": {"m": usage}}
    (_, (_, ended)) = ClaudeCode(MAIN, "task", "", ()).feed(line)
    assert (ended["input_tokens"], ended.get("cache_write_tokens")) == (
        8 + written,
        written or None,
    )


def test_the_first_tokens_of_a_resumed_thread_are_unknown():
    mapper, events = replay("codex-0.171.0.resumed", "codex", "exec", "resume", "--last", "--json")
    assert picture(events)["calls"] == []
    line = {"type": "turn.completed", "usage": {"input_tokens": 500, "output_tokens": 100}}
    assert picture(mapper.feed(line))["calls"] == [("openai", "unknown", 200, 0, 40, 0, None)]


def test_an_error_that_ends_a_turn_is_said_once():
    _, events = replay("codex-0.171.0.failed")
    assert [fields["message"] for kind, fields in events if kind == "error"] == [
        "the model said no"
    ]


@pytest.mark.parametrize("argv", [("-m", "gpt-5.1"), ("--model", "gpt-5.1"), ("--model=gpt-5.1",)])
def test_the_model_of_codex_is_the_one_that_was_asked_for(argv):
    _, events = replay("codex-0.171.0.tools", "codex", "exec", *argv)
    assert picture(events)["calls"][0][1] == "gpt-5.1"


def test_notices_of_codex_fail_nothing_and_a_failed_turn_does():
    mapper = Codex(MAIN, "task", "", ())
    notice = {"type": "item.completed", "item": {"id": "item_1", "type": "error", "message": "hm"}}
    assert mapper.feed(notice) == []
    mapper.feed({"type": "turn.started"})
    assert mapper.feed(notice)[0][0] == "error"
    assert mapper.verdict("succeeded", None) == ("succeeded", None)
    failed = {"type": "turn.failed", "error": {"message": "the model said no"}}
    assert mapper.feed(failed) == [
        ("error", {"message": "the model said no", "agent_id": MAIN, "task_id": "task"})
    ]
    assert mapper.verdict("succeeded", None) == ("failed", "the model said no")
    assert mapper.verdict("failed", "codex ended with exit code 1.")[0] == "failed"
    assert mapper.verdict("cancelled", "Ctrl-C") == ("cancelled", "Ctrl-C")


def test_other_items_of_codex_are_tools_too():
    mapper = Codex(MAIN, "task", "", ())
    change = {"id": "i1", "type": "file_change", "status": "completed", "changes": [{"path": "a"}]}
    call = {"id": "i2", "type": "mcp_tool_call", "server": "s", "tool": "t", "status": "failed",
            "error": {"message": "no"}}  # fmt: skip
    declined = {"id": "i3", "type": "command_execution", "status": "declined"}
    events = [
        event
        for item in (change, call, declined)
        for event in mapper.feed({"type": "item.completed", "item": item})
    ]
    assert [tool[1:4] for tool in picture(events)["tools"]] == [
        ("file_change", "success", None),
        ("s.t", "error", None),
        ("command_execution", "cancelled", None),
    ]


ODD = [None, 1, "x", [], {}, {"a": 1}, True, [[]], [None], {"type": "x"}, -1, 1e400]


@pytest.mark.parametrize("name", EXPECTED)
def test_lines_of_another_shape_do_no_harm(name):
    """Each field of each line replaced by each odd value, two levels deep."""
    lines = [json.loads(line) for line in lines_of(name)]
    for line in lines:
        inner = [(line, key) for key in line]
        inner += [
            (value, key) for value in line.values() if isinstance(value, dict) for key in value
        ]
        for holder, key in inner:
            kept = holder[key]
            for odd in ODD:
                holder[key] = odd
                mapper = mapper_of(name)
                mapper.feed({"type": "turn.started"})
                for event in mapper.feed(line):
                    assert json.dumps(event)
                mapper.verdict("succeeded", None)
            holder[key] = kept
    for odd in ODD:
        assert mapper_of(name).feed(odd) == []


class Emitted:
    """Stands for a run: what was emitted, in order."""

    key = "run"

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.reporter = self

    def emit(self, kind: str, fields: dict[str, Any]) -> None:
        self.events.append((kind, fields))

    def room_for(self, length: int) -> bool:
        return True


def test_lines_come_in_any_pieces_and_others_are_left_alone():
    text = "\n".join(["no JSON", '{"half', *lines_of("codex-0.171.0.tools"), "", "{}", "[1]"])
    whole = replay("codex-0.171.0.tools")[1]
    for size in (1, 7, 100_000):
        run = Emitted()
        output = Lines(run, mapper_of("codex"))  # type: ignore[arg-type]
        for start in range(0, len(text), size):
            output.feed(1, text[start : start + size].replace("\n", "\r\n"))
            output.feed(2, text)
        output.close()
        assert run.events == whole


def test_a_line_that_is_too_long_is_not_kept():
    run = Emitted()
    output = Lines(run, mapper_of("codex"))  # type: ignore[arg-type]
    piece = "x" * (LINE // 4)
    output.feed(1, '{"a": "')
    for _ in range(8):
        output.feed(1, piece)
        assert sum(map(len, output._parts)) <= LINE
    output.feed(1, '"}\n' + "\n".join(lines_of("codex-0.171.0.subagent")))
    output.close()
    assert picture(run.events)["agents"] == [("sub-agent", MAIN, "open")]


@pytest.fixture
def environment(server: ReportServer, tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "CREWOPS_URL": server.url,
        "CREWOPS_API_KEY": KEY,
        "CREWOPS_SPOOL_DIR": str(tmp_path),
        "PYTHONPATH": ":".join(sys.path),
    }


def executed(source: str, *argv: str) -> list[str]:
    client = [sys.executable, "-m", "crewops_client.cli", "exec", "--crew", "site"]
    return [*client, "--as", source, "--", *argv]


@pytest.mark.parametrize(
    ("source", "name", "code", "status"),
    [
        ("claude-code", "claude-code-2.1.332.background-subagent", 0, "succeeded"),
        ("claude-code", "claude-code-2.1.332.interrupted", 0, "cancelled"),
        ("claude-code", "claude-code-2.1.332.failed", 1, "failed"),
        ("codex", "codex-0.171.0.tools", 0, "succeeded"),
        ("codex", "codex-0.171.0.subagent", 3, "failed"),
    ],
)
def test_exec_passes_it_through_and_reports_it(server, environment, source, name, code, status):
    path = VECTORS / f"{name}.jsonl"
    script = "cat $0; printf '\\377\\000no line feed'; echo oops >&2; exit $1"
    ran = subprocess.run(
        executed(source, "/bin/sh", "-c", script, str(path), str(code)),
        env=environment,
        capture_output=True,
    )
    assert ran.stdout == path.read_bytes() + b"\xff\0no line feed"
    assert (ran.stderr, ran.returncode) == (b"oops\n", code)
    boot, agent, task = server.events[:3]
    assert boot["name"].startswith("sh -c ")
    assert (boot["origin"], boot["crew"], agent["agent_id"]) == (source, "site", source)
    ends = [(server.of(kind)[-1]["status"]) for kind in ("task_end", "agent_end", "done")]
    assert ends == [status] * 3
    tools = server.of("tool_start")
    assert len(tools) == len(EXPECTED[name]["tools"])
    assert all(tool["task_id"] == task["task_id"] for tool in tools if tool["agent_id"] == source)


@pytest.mark.parametrize(
    "line",
    [
        {"type": "user", "tool_result_meta": [{"id": []}]},
        {"type": "result", "modelUsage": {"m": {"costUSD": 10**400}}},
    ],
)
def test_a_line_that_the_mapper_cannot_read_does_no_harm(reporter, server, caplog, line):
    text = json.dumps(line)
    with Run(reporter, "site") as run:
        output = Lines(run, mapper_of("claude-code"))  # type: ignore[arg-type]
        output.feed(1, f"{text}\n{text}\n")
    server.wait_for("done")
    assert server.kinds() == ["boot", "done"]
    assert caplog.text.count("a line was not understood") == 1


@pytest.mark.parametrize(
    ("source", "option"),
    [("claude-code", "--output-format stream-json --verbose"), ("codex", "--json")],
)
def test_exec_names_the_option_that_is_missing(server, environment, source, option):
    plain = executed(source, "echo", "Done.")
    finished = subprocess.run(plain, env=environment, capture_output=True, text=True)
    assert (finished.stdout, finished.returncode) == ("Done.\n", 0)
    expected = f"no line of the output is as --as {source} expects: add {option} to the command"
    assert finished.stderr == f"crewops: {expected}\n"


def test_it_is_live_and_a_signal_ends_it_as_without_us(server, environment):
    first = lines_of("codex-0.171.0.tools")[4]
    process = subprocess.Popen(
        executed("codex", "sh", "-c", 'echo "$0"; exec sleep 30', first),
        env=environment,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline().decode() == first + "\n"
    server.wait_for("tool_start")
    began = time.monotonic()
    process.terminate()
    assert process.wait(20) == -signal.SIGTERM
    process.stdout.close()
    assert time.monotonic() - began < 20
    assert server.of("tool_end") == []  # the server ends what is open
    assert server.of("done")[0]["status"] == "cancelled"
