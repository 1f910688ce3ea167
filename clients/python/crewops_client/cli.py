"""The command `crewops`."""

import argparse
import logging
import sys
from collections.abc import Sequence

from . import agui_proxy
from . import claude_code_command as claude_code
from .server_backoff import refusal
from .settings import from_environment
from .transport import Transport
from .version import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    parser = argparse.ArgumentParser(prog="crewops", description="Report runs to CrewOps.")
    version = f"crewops-client {__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser(
        "check", help="ask the server whether the address and the key are correct"
    )
    check.set_defaults(call=lambda given: _check())
    run = commands.add_parser(
        "exec",
        help="run any command as a run of a crew",
        description="Run any command as a run of a crew. "
        "Its output, exit code and signals are kept.",
        usage="crewops exec --crew SLUG [--name NAME] [--agent ID] [--as SOURCE] [--] command ...",
    )
    run.add_argument("--crew", required=True, help="the slug of the crew")
    run.add_argument("--name", help="the run's name; without it the command line")
    run.add_argument("--agent", help="the agent's id; without it the command's name")
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="command", help="with its arguments")
    run.add_argument(
        "--as",
        dest="source",
        choices=("claude-code", "codex"),
        help="the format of the output: of claude -p … --output-format stream-json --verbose, "
        "or of codex exec --json …",
    )
    run.set_defaults(call=_execute)
    claude_code.add_to(commands)
    agui_proxy.add_to(commands)
    given = parser.parse_args(arguments)
    if given.command == "exec":
        given.argv = given.argv[1:] if given.argv[:1] == ["--"] else given.argv
        if not given.argv:
            run.error("no command was given")
    return int(given.call(given))


def _execute(given: argparse.Namespace) -> int:
    if sys.platform == "win32":
        print("crewops exec does not work on Windows", file=sys.stderr)
        return 2
    from .exec_command import execute

    return execute(given.crew, given.argv, name=given.name, agent=given.agent, source=given.source)


def _check() -> int:
    settings = from_environment()
    if settings.problem:
        print(f"crewops: {settings.problem}", file=sys.stderr)
        return 1
    try:
        transport = Transport(settings)
        answer = transport.post([])
        transport.close()
    except ValueError as error:
        print(f"crewops: CREWOPS_URL is not valid: {error}", file=sys.stderr)
        return 1
    if answer.is_accepted:
        print(f"{settings.url} takes reports with this key.")
        if settings.disabled:
            print("CREWOPS_DISABLED is set: programs report nothing.", file=sys.stderr)
        return 0
    if answer.refused:
        print(f"crewops: {refusal(answer, settings.url)}", file=sys.stderr)
    else:
        why = answer.detail or f"HTTP {answer.status}"
        print(f"crewops: {settings.url} does not answer: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
