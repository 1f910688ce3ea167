"""Forks a launcher for each call. Started once by a worker, as `python -I -S launcher/ SOCKET`.

Starting Python and importing costs forty times what a fork does. This process has done both, and
nothing else: it reads no order, so there is nothing in it that one call could learn of another. It has
no environment, and no descriptor but its end of the socket. It ends when the worker does.

A request is a message of one byte, KILL or what of OPTIONAL comes with it, and descriptors:
standard input, output, report and the optional ones. The answer is the launcher's process id, or why
there is none. A launcher has these descriptors at fixed numbers and no others.
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

STDIN, OUTPUT, REPORT = range(3)  # of the descriptors in a message
OPTIONAL = {1: 4, 2: 5}  # notes, secrets: the bit in a request, and the launcher's descriptor
REPORT_TO = 3
FIRST_UNUSED = 6
SPARE = 64  # where descriptors wait until all numbers below are free
KILL = 128  # end a launcher; its process id follows


def main() -> None:
    libc.prctl(libc.PR_SET_DUMPABLE, 0)  # no tool of the same user looks into it or changes it
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
    """Answer one request; whether the worker is still there."""
    request, descriptors, _, _ = socket.recv_fds(channel, 64, len(OPTIONAL) + 3)
    if not request:
        return False
    if request[0] == KILL:
        if (pid := int(request[1:])) in launchers:  # not reaped, so nobody else has its number
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
        libc.prctl(libc.PR_SET_DUMPABLE, 1)  # else its /proc files are root's, who maps no users
        libc.name_process("crewops-tool")
        call.run(REPORT_TO)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(1)


def _take(request: int, descriptors: list[int]) -> None:
    """Put the descriptors at their numbers and close all others."""
    spare = [fcntl.fcntl(number, fcntl.F_DUPFD, SPARE) for number in descriptors]
    wanted = {0: STDIN, 1: OUTPUT, 2: OUTPUT, REPORT_TO: REPORT}
    following = REPORT + 1
    for bit, number in OPTIONAL.items():
        if request & bit:
            wanted[number] = following
            following += 1
        else:
            os.closerange(number, number + 1)  # which may be open or not
    for number, position in wanted.items():
        os.dup2(spare[position], number, inheritable=number != REPORT_TO)
    os.closerange(FIRST_UNUSED, os.sysconf("SC_OPEN_MAX"))


if __name__ == "__main__":
    main()
