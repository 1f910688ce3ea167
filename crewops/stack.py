"""``python -m crewops.stack``: every process of one machine under one supervisor.

It runs in the foreground. `supervisord.conf` defines the processes. This module first ensures that
only one stack uses the data directory, that the port is free, and that no process of a killed stack
is left. SIGINT, SIGTERM and a closed terminal (SIGHUP) end all processes.
"""

import fcntl
import os
import shlex
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import IO, TextIO

import psutil
from django.conf import settings
from django.utils.log import configure_logging
from supervisor import events, loggers, poller
from supervisor.options import ServerOptions
from supervisor.process import ProcessGroup
from supervisor.states import ProcessStates, SupervisorStates
from supervisor.supervisord import go

from crewops import maintenance, metric_files, port, redis, stale_processes, standard_output
from realtime.terminal import address


class AlreadyRunning(Exception):
    """The message says which data are in use, and how to run a second stack."""


def main() -> None:
    os.chdir(settings.BASE_DIR)
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
    try:
        variables = environment()
        held = lock(settings.VAR_DIR)
        stale_processes.end(settings.VAR_DIR)
        metric_files.remove(settings.METRICS_DIR)
        port.refuse_taken(settings.HOST, settings.PORT, settings.START_COMMAND)
        address.note(settings.VAR_DIR, settings.HOST, settings.PORT)
        (settings.VAR_DIR / maintenance.FILE).unlink(missing_ok=True)
    except (AlreadyRunning, port.Taken, redis.NoServer) as reason:
        sys.exit(str(reason))
    os.environ.update(variables)
    with held:
        options = Options()
        options.realize(["--configuration", "supervisord.conf"])
        options.first, options.test = True, False
        options.poller = Poller(options)
        go(options)


def lock(var_dir: Path) -> IO[str]:
    """Take the lock of the data directory. It is released when this process ends, in any way.

    Raises ``AlreadyRunning``.
    """
    file = (var_dir / address.LOCK).open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise AlreadyRunning(
            f"CrewOps is already running on the data in {var_dir}, started from another terminal. "
            "A second one needs a port and data of its own: "
            f"{settings.START_COMMAND} PORT=8001 VAR_DIR=/elsewhere"
        ) from error
    return file


def redis_command() -> list[str]:
    """The command of the private Redis, or a dummy that is never started if it is not used."""
    return redis.server_command(settings.VAR_DIR) if settings.REDIS_IS_PRIVATE else ["true"]


def environment() -> dict[str, str]:
    """Variables that `supervisord.conf` reads as ``%(ENV_...)s``.

    They come from the settings, so `.env` counts.
    """
    return {
        "STACK_BEGAN": str(time.time()),
        "STACK_HOST": settings.HOST,
        "STACK_PORT": str(settings.PORT),
        "STACK_PYTHON": sys.executable,
        "STACK_REDIS": str(settings.REDIS_IS_PRIVATE),
        "STACK_REDIS_COMMAND": shlex.join(redis_command()),
        "STACK_VAR_DIR": str(settings.VAR_DIR),
        "STACK_WEB_PROCESSES": str(settings.WEB_CONCURRENCY),
    }


class Options(ServerOptions):
    """supervisord's options; a closed terminal ends the stack, and processes are recorded."""

    def make_logger(self) -> None:
        self.logger = loggers.getLogger(self.loglevel)
        self.logger.addHandler(standard_output.SupervisorLog())
        for message in self.parse_criticals + self.parse_warnings:
            self.logger.warn(message)
        for message in self.parse_infos:
            self.logger.info(message)
        if sys.stdout.isatty():
            sys.stderr = IgnoreWriteErrors(sys.stderr)

    def set_uid_or_exit(self) -> None:
        """Does nothing: processes run as the user who starts the stack, who may have no name."""

    def write_pidfile(self) -> None:
        super().write_pidfile()
        events.subscribe(events.ProcessLogStdoutEvent, standard_output.pass_on)
        events.subscribe(events.ProcessStateRunningEvent, self._started)
        self._groups: dict[str, ProcessGroup] = {}
        events.subscribe(events.Tick5Event, self._maintain)
        if sys.stdout.isatty():
            events.subscribe(events.Tick5Event, self._look_at_terminal)

    def setsignals(self) -> None:
        super().setsignals()
        # supervisord would restart everything.
        signal.signal(signal.SIGHUP, lambda number, frame: self._end(frame))

    def _started(self, event: events.ProcessStateRunningEvent) -> None:
        process = event.process
        self._groups[process.group.config.name] = process.group
        try:
            stale_processes.note(settings.VAR_DIR, process.config.name, process.pid)
        except (OSError, psutil.Error) as error:  # it would end the supervisor, not its processes
            self.logger.error(f"{process.config.name} is not recorded in stack.json: {error}")

    def _maintain(self, event: events.Tick5Event) -> None:
        """Stop the processes that use the database while `crewops.maintenance` requests it.

        Afterwards start them again.
        """
        if self.mood != SupervisorStates.RUNNING:
            return  # processes that stop during the shutdown stay stopped
        for group in (self._groups[n] for n in maintenance.STOPPED if n in self._groups):
            if maintenance.is_on(settings.VAR_DIR):
                group.stop_all()
                continue
            for process in group.processes.values():
                # FATAL is what waited for its next start when it was stopped.
                if process.get_state() in (ProcessStates.STOPPED, ProcessStates.FATAL):
                    process.spawn()

    def _look_at_terminal(self, event: events.Tick5Event) -> None:
        """End the stack when its terminal is closed.

        The terminal sends SIGHUP to the leader of its session, which may not pass it on.
        """
        if not sys.stdout.isatty():
            self._end()

    def _end(self, frame: FrameType | None = None) -> None:
        self.signal_receiver.receive(signal.SIGTERM, frame)


class Poller(poller.Poller):
    """supervisord's poller, but programs start at once, not after its first wait of a second."""

    _is_first = True

    def poll(self, timeout: float) -> tuple[list[int], list[int]]:
        timeout, self._is_first = (0 if self._is_first else timeout), False
        return super().poll(timeout)


class IgnoreWriteErrors:
    """A stream on a terminal that may be gone: output that cannot be written is dropped.

    supervisord writes messages here that it could not log. If that failed too, it would die and
    leave its processes behind.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crewops.settings")
    main()
