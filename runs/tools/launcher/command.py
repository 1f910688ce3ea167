"""Becoming the command: the last steps in its own process, with its rights and limits taken away."""

import contextlib
import os
import resource
import signal

import libc

NICENESS = 5  # behind whoever watches over it, and behind the pages people look at
START_FAILED = 127  # exit code of a child that could not become the command, as in shells


def start(order: dict, report) -> int:
    """Fork; the child becomes the command. Returns the child's process id."""
    pid = os.fork()
    if pid == 0:
        become(order, report)
    return pid


def become(order: dict, report) -> None:
    """Replace this process by the command. Does not return: what prevents it is reported."""
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        _limit(
            order["limits"], others=0 if order["tier"] == "namespaces" else _threads(order["uid"])
        )
        os.nice(NICENESS)
        _drop_privileges(order["uid"])
        os.chdir(order["cwd"])
        os.execvpe(order["argv"][0], order["argv"], order["env"])
    except OSError as error:
        report(
            error=f"{order['argv'][0]} could not be started: {error.strerror} ({error.filename})."
        )
    finally:
        os._exit(START_FAILED)


def _limit(limits: dict, *, others: int) -> None:
    """`others`: threads the kernel counts besides the command's own."""
    for name, value in {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: limits["cpu_s"],
        resource.RLIMIT_AS: limits["memory_bytes"],
        resource.RLIMIT_FSIZE: limits["file_bytes"],
        resource.RLIMIT_NOFILE: limits["open_files"],
        resource.RLIMIT_NPROC: limits["processes"] + others,
    }.items():
        _, hard = resource.getrlimit(name)
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(name, (value, value))


def _threads(uid: int | None) -> int:
    """How many threads the user has: outside a user namespace all of them count as one."""
    if uid is None:
        uid = os.getuid()
    count = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{name}").st_uid == uid:
                count += len(os.listdir(f"/proc/{name}/task"))
    return count


def _drop_privileges(uid: int | None) -> None:
    """From here on no set-uid program, file capability or former right helps."""
    libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
