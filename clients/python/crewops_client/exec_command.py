"""`crewops exec`: run a command, report it, and keep its output, exit code and signals."""

import contextlib
import os
import shlex
import sys
from collections.abc import Sequence

from . import context, reporter
from .calls import STATUS
from .exec_output import Lines, ToolOutput
from .exec_process import FORWARDED, Command
from .runs import Run
from .scope import Agent
from .signals import Signals, exit_by_signal, restore_defaults
from .streams import MAPPERS

TITLE_CHARS = 1_000  # the server removes secrets and then shortens it


def execute(
    crew: str,
    argv: Sequence[str],
    *,
    name: str | None,
    agent: str | None,
    source: str | None = None,
) -> int:
    """Run the command and return its exit code. If a signal ended it, end by the same signal.
    With `source`, the command writes lines in the format of that coding agent."""
    if reporter.current().off:
        restore_defaults()
        try:
            os.execvp(argv[0], list(argv))
        except OSError as error:
            return _not_started(argv[0], error)
    own = os.path.basename(argv[0])
    title = shlex.join([own, *argv[1:]] if source else argv)
    signals = Signals(FORWARDED)
    signals.block()  # to join a run starts threads
    named = os.environ.get(context.VARIABLE)
    run = (context.join(named) if named else None) or Run(
        reporter.current(), crew, name or title[:TITLE_CHARS], origin=source or "exec"
    )
    command = Command(argv, run.env(), signals)
    fault: OSError | None = None
    try:
        command.start()
    except OSError as error:
        fault = error
    mapped = MAPPERS[source] if source else None
    with contextlib.ExitStack() as stack:
        run.start()
        if agent or mapped or not run.agent_id:
            shown = mapped.name if mapped else None
            stack.enter_context(run.agent(agent or source or own, name=shown))
        place = context.current() or run
        task = place.task(name or title[:TITLE_CHARS])
        if fault:
            code = _not_started(argv[0], fault)
            status, message = "failed", f"{argv[0]}: {fault.strerror}"
        elif mapped:
            mapper = mapped(place.agent_id, task.task_id, run.reporter.prefix, argv)
            code = command.relay(Lines(run, mapper))
            status, message = mapper.verdict(*command.verdict(code, own))
            if code == 0 and not mapper.understood:
                text = f"no line of the output is as --as {source} expects: add {mapper.option}"
                run.reporter.notices.log_once("no lines", f"{text} to the command")
        else:
            tool = task.start_tool(own[:40], {"command": title, "cwd": os.getcwd()})
            code = command.relay(ToolOutput(tool))
            status, message = command.verdict(code, own)
            tool.end(STATUS[status], exit_code=code if code >= 0 else 128 - code, message=message)
        task.end(status, message=message)
        if mapped and isinstance(place, Agent):
            place.end(status, message=message)
    run.end(status, message=message)
    reporter.current().close()
    if code < 0:
        exit_by_signal(-code)
    return code


def _not_started(command: str, error: OSError) -> int:
    print(f"crewops exec: {command}: {error.strerror}", file=sys.stderr)
    return 127 if isinstance(error, FileNotFoundError) else 126
