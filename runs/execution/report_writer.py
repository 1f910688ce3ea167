"""One writer of reports in each Celery worker: reports of several processes share one commit.

Celery's worker executes each run in its own process, so reports that arrive at the same time come
from different processes. They send them to a thread of the worker's main process. It saves all
reports that arrived during the last commit in one transaction, and answers each after the commit.
So no report waits for a batch to fill: a single report is saved at once.

A process reaches the writer through an inherited socket, so no other process on the machine can.
A report that was sent is never sent again before its answer. If the writer has ended, the
connection breaks. If it hangs for a whole lease, the worker gives up the run. In both cases the
process saves its later reports itself.
"""

import json
import logging
import os
import selectors
import socket
import threading
from contextlib import suppress

from celery.signals import worker_init, worker_ready
from django.conf import settings
from django.db import OperationalError, close_old_connections, connection, reset_queries

from crews.outages import is_outage
from crews.tracking import InvalidState
from runs.execution.forks import lock_between_forks
from runs.models import ToolExecution
from runs.models.report import Ended, Report, RowChanged, StaleAttempt
from runs.models.report_queryset import sender

JOIN, END = b"+", b"-"  # messages to the writer: a process connects, the worker ends
LARGEST = 128 * 1024  # bytes of a report that is sent; its own process saves a larger one

logger = logging.getLogger(__name__)


class ReportWriter:
    """The side of the worker. ``connect`` works in its process and in processes forked from it."""

    def __init__(self) -> None:
        self._inbox, self._inbox_writer = _pair()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._between_batches = lock_between_forks()
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread. Processes that wait for an answer see the connection close."""
        with suppress(OSError):  # it has ended already
            self._inbox_writer.send(END)
        if self._thread:
            self._thread.join()

    def connect(self) -> socket.socket:
        ours, theirs = _pair()
        with theirs:
            socket.send_fds(self._inbox_writer, [JOIN], [theirs.fileno()])
        return ours

    def _run(self) -> None:
        with selectors.DefaultSelector() as clients:
            clients.register(self._inbox, selectors.EVENT_READ)
            try:
                while self._serve(clients, [key.fileobj for key, _ in clients.select()]):
                    pass
            except Exception:
                logger.exception(
                    "The worker's report writer has stopped; "
                    "the worker's processes save their reports themselves"
                )
            finally:  # processes that wait for an answer see the connection close
                for key in list(clients.get_map().values()):
                    _close(key.fileobj)
                self._inbox_writer.close()
                connection.close()

    def _serve(self, clients: selectors.BaseSelector, ready: list[socket.socket]) -> bool:
        """Take one report of each client that has sent one. Returns whether to continue."""
        asked: list[tuple[socket.socket, Report]] = []
        for client in ready:
            if client is self._inbox:
                text, newcomer = _accept(client)
                if text != JOIN:
                    return False
                if newcomer:
                    clients.register(newcomer, selectors.EVENT_READ)
            elif sent := _receive(client):
                asked.append((client, Report.load(sent)))
            else:
                clients.unregister(client)
                client.close()
        if not asked:
            return True
        with self._between_batches:
            close_old_connections()  # as Django does between requests
            errors = ToolExecution.objects.save_each_report([report for _, report in asked])
            reset_queries()  # with DEBUG Django keeps the last 9,000, each with its output
            if any(error and is_outage(error) for error in errors):
                connection.close()
        for (client, _), error in zip(asked, errors, strict=True):
            with suppress(OSError):  # its process has ended meanwhile
                client.send(_answer(error))
        return True


class _WriterConnection:
    """A connection to the writer. It is closed when its thread ends."""

    def __init__(self, to_writer: socket.socket) -> None:
        self._socket = to_writer

    def __del__(self) -> None:
        self._socket.close()

    def ask(self, text: bytes) -> bytes:
        """Send the text and return the answer, empty if the writer has ended.

        Raises `WriterHangs` without an answer in ``RUN_LEASE_S`` seconds.
        """
        self._socket.settimeout(settings.RUN_LEASE_S)
        try:
            self._socket.send(text)
            return self._socket.recv(LARGEST)
        except TimeoutError as error:
            raise WriterHangs(f"No report was saved in {settings.RUN_LEASE_S} s.") from error
        except OSError:
            return b""


class _ThreadConnection(threading.local):
    """This thread's connection. A forked process makes its own."""

    pid = 0
    value: _WriterConnection | None = None


class WriterHangs(InvalidState):
    """The worker's writer has not answered for a whole lease: this worker has lost the run."""


_writer: ReportWriter | None = None
_thread_connection = _ThreadConnection()


@sender
def send(report: Report) -> bool:
    """Have the worker's writer save the report. ``False`` where there is none, or none any more."""
    text = report.dump() if _writer else b""
    to_writer = _connection() if text and len(text) <= LARGEST else None
    if to_writer is None:
        return False
    try:
        answer = to_writer.ask(text)
    except WriterHangs:
        # Its late answer would be taken for the answer to the next report.
        _thread_connection.value = None
        raise
    if answer:
        _raise(*json.loads(answer))
        return True
    # It is unknown whether the report was saved; this process saves the next one itself.
    _thread_connection.value = None
    raise OperationalError("The worker's writer of reports has ended.")


def _connection() -> _WriterConnection | None:
    if _thread_connection.pid != os.getpid():
        _thread_connection.pid, _thread_connection.value = os.getpid(), None
        with suppress(OSError):  # the writer has ended
            _thread_connection.value = _WriterConnection(_writer.connect())
    return _thread_connection.value


def _pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _accept(inbox: socket.socket) -> tuple[bytes, socket.socket | None]:
    """Return the message and the connection that came with it.

    Without a free descriptor the kernel closes the connection, as its process then notices.
    """
    text, descriptors, _, _ = socket.recv_fds(inbox, 1, 1)
    return text, socket.socket(fileno=descriptors[0]) if descriptors else None


def _close(end: socket.socket) -> None:
    """Close the end for all processes: those forked meanwhile have copies of it."""
    with suppress(OSError):  # the other end is closed
        end.shutdown(socket.SHUT_RDWR)
    end.close()


def _receive(client: socket.socket) -> bytes:
    try:
        return client.recv(LARGEST)
    except OSError:
        return b""


def _answer(error: Exception | None) -> bytes:
    match error:
        case None:
            answer = ["saved", ""]
        case Ended():
            answer = ["ended", error.status]
        case StaleAttempt():
            answer = ["stale", str(error)]
        case RowChanged():
            answer = ["row changed", str(error)]
        case _ if is_outage(error):
            answer = ["outage", str(error)]
        case _:
            logger.error("A report could not be saved", exc_info=error)
            answer = ["failed", type(error).__name__]
    return json.dumps(answer).encode()


def _raise(answer: str, detail: str) -> None:
    match answer:
        case "saved":
            return
        case "ended":
            raise Ended(detail)
        case "stale":
            raise StaleAttempt(detail)
        case "row changed":
            raise RowChanged(detail)
        case "outage":
            raise OperationalError(detail)
        case _:
            raise RuntimeError(f"The worker could not save a report: {detail}.")


@worker_init.connect
def make(**kwargs: object) -> None:
    """Runs before the worker's processes are forked, because they inherit the writer."""
    global _writer
    _writer = ReportWriter()


@worker_ready.connect
def start(**kwargs: object) -> None:
    if _writer:
        _writer.start()
