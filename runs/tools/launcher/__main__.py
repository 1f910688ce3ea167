"""Forks a launcher for each call. A worker starts this once, as `python -I -S launcher/ SOCKET`.

Starting Python and importing costs forty times as much as a fork. This process has done both, and
nothing else. It reads no order, so a call cannot learn anything about another call from it. It has
no environment, and no descriptor except its end of the socket. It ends when the worker ends.

A request is a message of one byte and descriptors. The byte is KILL, or the bits of OPTIONAL for
the optional descriptors. The descriptors are standard input, output, report and the optional ones.
The answer is the launcher's process id, or the reason why there is none. A launcher has these
descriptors at fixed numbers and no others.
"""

import fcntl
import gc
import os
import select
import signal
import socket
import sys

import call
import libc
import supervision
import tree

STDIN, OUTPUT, REPORT = range(3)  # positions of the descriptors in a message
OPTIONAL = {1: 4, 2: 5}  # notes, secrets: the bit in a request, and the launcher's descriptor
REPORT_TO = 3
FIRST_UNUSED = 6
SPARE = 64  # temporary numbers of descriptors, until all lower numbers are free
KILL = 128  # end a launcher; its process id follows


def main() -> None:
    libc.prctl(libc.PR_SET_DUMPABLE, 0)  # tools of the same user cannot read or change this process
    libc.name_process("crewops-forks")
    gc.freeze()
    gc.disable()
    wake = supervision.wake_on_child()
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        launchers: set[int] = set()
        while True:
            ready, _, _ = select.select([channel, wake], [], [])
            if wake in ready:
                os.read(wake, 4096)
                tree.reap()
                launchers -= tree.reaped.keys()
                tree.reaped.clear()
            if channel in ready and not _serve(channel, launchers):
                return


def _serve(channel: socket.socket, launchers: set[int]) -> bool:
    """Answer one request. Returns False if the worker has ended."""
    request, descriptors, _, _ = socket.recv_fds(channel, 64, len(OPTIONAL) + 3)
    if not request:
        return False
    if request[0] == KILL:
        if (pid := int(request[1:])) in launchers:  # not reaped, so its number was not reused
            os.kill(pid, signal.SIGKILL)
        return True
    try:
        pid = os.fork()
    except OSError as error:
        answer = f"No process could be started: {error.strerror}."
    else:
        if pid == 0:
            _become_launcher(request[0], descriptors)
        launchers.add(pid)
        answer = str(pid)
    for descriptor in descriptors:
        os.close(descriptor)
    channel.send(answer.encode())
    return True


def _become_launcher(request: int, descriptors: list[int]) -> None:
    """Does not return."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _take(request, descriptors)
        os.setsid()
        libc.prctl(libc.PR_SET_DUMPABLE, 1)  # else root owns its /proc files, and maps no users
        libc.name_process("crewops-tool")
        call.run(REPORT_TO)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(1)


def _take(request: int, descriptors: list[int]) -> None:
    """Move the descriptors to their numbers and close all others."""
    spare = [fcntl.fcntl(number, fcntl.F_DUPFD, SPARE) for number in descriptors]
    wanted = {0: STDIN, 1: OUTPUT, 2: OUTPUT, REPORT_TO: REPORT}
    following = REPORT + 1
    for bit, number in OPTIONAL.items():
        if request & bit:
            wanted[number] = following
            following += 1
        else:
            os.closerange(number, number + 1)  # it may be open or not
    for number, position in wanted.items():
        os.dup2(spare[position], number, inheritable=number != REPORT_TO)
    os.closerange(FIRST_UNUSED, os.sysconf("SC_OPEN_MAX"))


if __name__ == "__main__":
    main()
