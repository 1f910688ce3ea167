"""What real tools write, in pieces as an event carries them."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import cycle

from benchmarks.processes import PROJECT

COMMANDS = (
    ["git", "log", "--stat", "-n", "100"],
    ["git", "grep", "-n", "def ", "--", "realtime"],
    [sys.executable, "-X", "importtime", "-c", "import asyncio, http.server, unittest"],
    [sys.executable, "-m", "pydoc", "argparse"],
)
SIZES = (500, 2_000, 8_000)  # characters of the pieces, in turn
COMMAND_CHARS = 100_000  # characters of each command


def pieces() -> Iterator[str]:
    """Pieces of the commands' output in turn, again and again."""
    outputs = [_output(command) for command in COMMANDS]
    made = []
    for at in range(0, COMMAND_CHARS, max(SIZES)):
        for output in outputs:
            size = SIZES[len(made) % len(SIZES)]
            if piece := output[at : at + size]:
                made.append(piece)
    return cycle(made)


def _output(command: list[str]) -> str:
    done = subprocess.run(
        command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True
    )
    return done.stdout.decode(errors="replace")
