"""The stack writes to the standard output it was given, of any kind and owned by any user."""

import configparser
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from tests.live import READY_S

NOBODY = 65534
# A supervisor like the stack's, over one program. Who is root becomes somebody who may not open the
# files of root; what it needs to import is imported before.
SUPERVISOR = f"""
import os, sys
from django.conf import settings
from django.utils.log import configure_logging
from supervisor.supervisord import go
from crewops.stack import Options

configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
if os.getuid() == 0:
    os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})
options = Options()
options.realize(["--configuration", sys.argv[1]])
options.first, options.test = True, False
go(options)
"""
CONFIGURATION = """
[supervisord]
nodaemon = true
silent = true
logfile = /dev/null
logfile_maxbytes = 0
pidfile = {directory}/pid

[program:hello]
command = /bin/sh -c "echo from the program; sleep 60"
redirect_stderr = true
stdout_logfile = NONE
stdout_events_enabled = true
"""


@pytest.fixture
def configuration() -> Iterator[Path]:
    # Not pytest's directory: only its owner may enter that, and the supervisor runs as another
    # user.
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o777)
        file = directory / "supervisord.conf"
        file.write_text(CONFIGURATION.format(directory=directory))
        yield file


def ends(kind: str, directory: Path) -> tuple[int, int]:
    """``(for the reader, for the writer)``."""
    match kind:
        case "a file of another user":
            path = directory / "output"
            write = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            return os.open(path, os.O_RDONLY), write
        case "a terminal of another user":
            ours, theirs = os.openpty()
            os.fchmod(theirs, 0o600)
            return ours, theirs
    one, other = socket.socketpair()
    other.setblocking(False)
    return one.detach(), other.detach()


@pytest.mark.parametrize(
    "kind", ["a file of another user", "a terminal of another user", "a socket"]
)
def test_output_arrives(kind, configuration, tmp_path):
    reader, writer = ends(kind, tmp_path)
    said, deadline = b"", time.monotonic() + READY_S
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(configuration)],
        cwd=settings.BASE_DIR,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "crewops.settings",
            "VAR_DIR": str(configuration.parent),
        },
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=subprocess.PIPE,
    ) as supervisor:
        os.close(writer)
        while b"from the program" not in said and time.monotonic() < deadline:
            assert supervisor.poll() is None, (said, supervisor.stderr.read())
            if select.select([reader], [], [], 0.05)[0]:
                said += os.read(reader, 65536)
        supervisor.send_signal(signal.SIGTERM)
        errors = supervisor.stderr.read()
    os.close(reader)
    assert b"spawned: 'hello'" in said, "supervisord's own log"
    assert b"from the program" in said
    assert supervisor.returncode == 0, errors


def test_no_file_is_opened_for_output():
    """What is tested above is how each program of the stack is written down."""
    stack = configparser.RawConfigParser(inline_comment_prefixes=(" ;",))
    stack.read(settings.BASE_DIR / "supervisord.conf")
    programs = [stack[name] for name in stack.sections() if "program:" in name]
    assert len(programs) >= 4
    for program in programs:
        assert program["redirect_stderr"] == "true", program.name
        assert program["stdout_logfile"] == "NONE", program.name
        assert program["stdout_events_enabled"] == "true", program.name
    assert stack["supervisord"]["logfile"] == "/dev/null"
