"""One sequence of frames that two agents' runs could have sent, drawn move by move.

`test_stories` finds a kind, a field or a value of the run and graph streams that no move draws.
"""

from collections.abc import Callable, Iterable
from random import Random
from typing import Any, get_args

from runs.events import fields

AGENTS = ["orion", "vega"]
PARENTS = ["lyra", "deneb"]
MOVES = 20  # of one sequence, at most
STATES = ["idle", "working", "done", "error"]  # of an agent in a snapshot
RESETS = ["epoch_changed", "pruned", "ahead"]
ACTIONS = [*get_args(fields.ControlAction), *["pause"] * 3, "resume"]
PLAN = [
    [{"task_id": "planned", "name": "Plan", "agent_id": "orion"}],
    [],
]  # a worker's, a program's
USAGE = {
    "input_tokens": 812, "output_tokens": 94, "cached_tokens": 12, "reasoning_tokens": 9,
    "cost_usd": 0.1,
}  # fmt: skip
ANSWER = {"first_token_s": 0.5, "finish_reason": "stop", "model": "gpt-5", "message": "m"}


class Story:
    """The frames so far, and what is under way in its runs."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self.frames: list[dict[str, Any]] = []
        self._runs: list[str] = []  # not ended
        self._tasks: dict[str, dict] = {}  # running
        self._tools: dict[str, dict] = {}  # running
        self._calls: dict[str, dict] = {}  # open
        self._approvals: dict[str, dict] = {}  # waiting
        self._controls: dict[str, dict] = {}  # not answered

    def moves(self) -> list[Callable[[], None]]:
        """Those that are possible now; the likelier ones more than once."""
        of_run = [
            *[self._start, self._call, self._think, self._ask, self._control] * 3,
            *[self._agent_start] * 2,
            *[self._agent_end, self._hand_over, self._fail, self._budget, self._done, self._reset],
        ]
        return [
            *[self.boot, self._unknown_report, self.snapshot],
            *of_run * bool(self._runs),
            *[self._report, self._return] * 2 * bool(self._tools),
            *[self._end] * 3 * bool(self._tasks),
            *[self._first_token, *[self._answer] * 3] * bool(self._calls),
            *[self._decide] * 3 * bool(self._approvals),
            *[self._acknowledge, *[self._apply] * 3] * bool(self._controls),
        ]

    def snapshot(self) -> None:
        """The graph stream begins, or begins again."""
        if self.frames:
            self._say_reset("graph:c")
        agents = [
            {"agent_id": id, "name": id.title(), "role": "", "state": self._pick(STATES)}
            | self._some(parent_agent_id="lyra")
            for id in AGENTS
        ]
        ended = {"run_id": "run-s", "agent_id": "vega", "execution_id": "tool-s"}
        tools = [_shown(ended, status="error", duration_s=2.5, exit_code=1)]
        tools += [_shown(one, status="running", duration_s=1) for one in self._tools.values()]
        lists = self._pick([{}, _lists()])  # an older server sends none
        self._say("snapshot", stream="graph:c", agents=agents, executions=tools, **lists)

    def boot(self) -> None:
        self._runs.append(f"run-{len(self.frames)}")
        agents = self._pick([[], [{"agent_id": "orion", "name": "Orion", "role": "Scout"}]])
        run_id, tasks = self._runs[-1], self._pick(PLAN)
        self._say("boot", run_id=run_id, crew_id="c", crew="Crew", agents=agents, tasks=tasks)

    def _start(self) -> None:
        task = self._new(self._tasks, "task_id", agent_id=self._pick(AGENTS))
        # Runs of two hosts: their clocks may agree, or one be behind.
        self._say("task_start", **task, name="Build", timestamp=_time(self._pick(range(3))))

    def _end(self) -> None:
        status = self._pick(get_args(fields.Outcome))
        self._say("task_end", **self._pop(self._tasks), status=status, duration_s=1)

    def _agent_start(self) -> None:
        identity = self._some(name="Orion", role="Scout", parent_agent_id=self._pick(PARENTS))
        self._say("agent_start", **self._of_agent(), **identity)

    def _agent_end(self) -> None:
        self._say("agent_end", **self._of_agent(), status=self._pick(get_args(fields.Outcome)))

    def _fail(self) -> None:
        about = self._some(agent_id=self._pick(AGENTS), task_id="planned")
        message = f"It broke ({len(self.frames)})."
        self._say("error", **self._of_run(), message=message, reason="task_failed", **about)

    def _done(self) -> None:
        about = self._of_run()
        self._runs.remove(about["run_id"])
        for of_stream in (self._tasks, self._approvals, self._controls):  # nothing follows there
            for id in [id for id, one in of_stream.items() if one["run_id"] == about["run_id"]]:
                del of_stream[id]
        status = self._pick(get_args(fields.Outcome))
        self._say("done", **about, status=status, duration_s=1.5, **self._some(reason="timeout"))

    def _reset(self) -> None:
        self._say_reset(f"run:{self._pick(self._runs)}")

    def _control(self) -> None:
        action = self._pick(ACTIONS)
        control = self._new(self._controls, "control_id")
        text = {"text": "Hurry."} if action == "message" else {}
        self._say("control_requested", **control, action=action, by="somebody", **text)
        if self._pick([True, False]):
            self._apply()

    def _acknowledge(self) -> None:
        self._say("control_acknowledged", **self._controls[self._pick(self._controls)])

    def _apply(self) -> None:
        status = self._pick(["applied", "applied", *get_args(fields.ControlOutcome)])
        detail = "" if status == "applied" else "It cannot."
        self._say("control_applied", **self._pop(self._controls), status=status, detail=detail)

    def _ask(self) -> None:
        asked = self._new(self._approvals, "approval_id")
        call = {"agent_id": self._pick(AGENTS), "tool": "script", "params": {}, "seen": "s"}
        call |= {"expires_at": "later", "admins_only": self._pick([True, False])}
        self._say("approval_requested", **asked, **call, **self._some(task_id="planned"))

    def _decide(self) -> None:
        answer = {"decision": self._pick(get_args(fields.Decision)), "by": "somebody", "note": ""}
        self._say("approval_decided", **self._pop(self._approvals), **answer)

    def _budget(self) -> None:
        about = {"alert_id": self._pick(["a", "b"]), "limit": 10, "used": len(self.frames) + 0.5}
        about |= {"period": self._pick(get_args(fields.BudgetPeriod))}
        about |= {"measure": self._pick(get_args(fields.BudgetMeasure))}
        about |= self._some(since=_time(0))
        if self._pick([True, False]):
            self._say("budget_warning", **self._of_run(), **about)
        else:
            action = self._pick(get_args(fields.BudgetAction))
            self._say("budget_exceeded", **self._of_run(), **about, action=action)

    def _call(self) -> None:
        tool = self._new(self._tools, "execution_id", agent_id=self._pick(AGENTS))
        self._say("tool_start", **tool, tool="script", params={})

    def _report(self) -> None:
        self._progress(self._tools[self._pick(self._tools)])

    def _unknown_report(self) -> None:
        id = f"unknown-{len(self.frames)}"
        tool = {"run_id": "run-x", "agent_id": self._pick(AGENTS), "execution_id": id}
        self._progress(tool | {"crew_id": "c"})

    def _progress(self, tool: dict[str, Any]) -> None:
        message = f"step {len(self.frames)}"
        more = self._some(progress=0.5, output="a")
        self._say("tool_progress", **tool, tool="script", message=message, **more)

    def _return(self) -> None:
        ending = {"status": self._pick(get_args(fields.ToolOutcome)), "duration_s": 1.25}
        ending |= {"exit_code": self._pick([0, None])} | self._some(message="Over.")
        self._say("tool_end", **self._pop(self._tools), tool="script", **ending)

    def _think(self) -> None:
        call = self._new(self._calls, "call_id", agent_id=self._pick(AGENTS))
        self._say("llm_start", **call, provider="openai", model="gpt-5-mini")

    def _first_token(self) -> None:
        part = self._some(first_token_s=0.5, output="a")
        self._say("llm_progress", **self._calls[self._pick(self._calls)], **part)

    def _answer(self) -> None:
        ending = {"status": self._pick(get_args(fields.CallOutcome)), "duration_s": 1}
        ending |= self._some(**USAGE) | self._some(**ANSWER)
        self._say("llm_end", **self._pop(self._calls), **ending)

    def _hand_over(self) -> None:
        agents = dict(zip(("from_agent_id", "to_agent_id"), AGENTS, strict=True))
        self._say("handoff", **self._of_run(), **agents, **self._some(message="m"))

    def _say(self, type: str, **fields: Any) -> None:
        self.frames.append({"type": type, "timestamp": _time(len(self.frames))} | fields)

    def _say_reset(self, stream: str) -> None:
        self._say("reset", stream=stream, reason=self._pick(RESETS), epoch="e", head=0)

    def _pick(self, values: Iterable[Any]) -> Any:
        return self._chance.choice(list(values))

    def _some(self, **optional: Any) -> dict[str, Any]:
        return {name: value for name, value in optional.items() if self._pick([True, False])}

    def _of_run(self) -> dict[str, Any]:
        return {"run_id": self._pick(self._runs), "crew_id": "c"}

    def _of_agent(self) -> dict[str, Any]:
        return self._of_run() | {"agent_id": self._pick(AGENTS)}

    def _new(self, under_way: dict[str, dict], key: str, **more: Any) -> dict[str, Any]:
        id = f"{key.removesuffix('_id')}-{len(self.frames)}"
        under_way[id] = self._of_run() | {key: id} | more
        return under_way[id]

    def _pop(self, under_way: dict[str, dict]) -> dict[str, Any]:
        return under_way.pop(self._pick(under_way))


def story(seed: int) -> list[dict[str, Any]]:
    """Frames of a crew's graph stream and of its runs' streams, as two sockets may mix them."""
    chance = Random(seed)
    drawn = Story(chance)
    if chance.random() < 0.5:
        drawn.snapshot()
    if chance.random() < 0.8:
        drawn.boot()
    for _ in range(chance.randint(MOVES // 2, MOVES)):
        chance.choice(drawn.moves())()
    return drawn.frames


def _time(second: int) -> str:
    return f"2026-01-01T00:00:{second:02}.000000Z"


def _shown(tool: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A tool call as a snapshot has it."""
    call = {name: tool[name] for name in ("run_id", "agent_id", "execution_id")}
    call |= {"tool": "script", "params": {}, "message": "", "progress": None, "exit_code": None}
    return call | {"started_at": _time(0), "output_length": 0} | more


def _lists() -> dict[str, list[dict[str, Any]]]:
    """Model calls, totals and handoffs of a snapshot."""
    call = {"run_id": "run-s", "agent_id": "vega", "call_id": "call-s", "provider": "", "model": ""}
    usage = {"run_id": "run-s", "model_calls": 2, "calls_without_usage": 1, "calls_without_cost": 2}
    totals = {"input_tokens": 5, "output_tokens": 7, "cost_usd": None}
    handoff = {"run_id": "run-s", "from_agent_id": "vega", "to_agent_id": "orion", "message": ""}
    return {
        "calls": [call | {"started_at": _time(0), "duration_s": 1}],
        "usage": [usage | totals],
        "handoffs": [handoff],
    }
