"""Becomes the command: the last steps in its own process, which drop rights and set limits."""

import contextlib
import os
import resource
import signal

import libc

NICENESS = 5  # lower priority than its supervisor and the web pages
START_FAILED = 127  # exit code of a child that could not become the command, as in shells


def start(order: dict, report) -> int:
    """Fork a child that becomes the command. Returns its process id."""
    pid = os.fork()
    if pid == 0:
        become(order, report)
    return pid


def become(order: dict, report) -> None:
    """Replace this process by the command. Does not return. Errors are reported."""
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
    """Set the limits. `others`: threads that the kernel counts besides the command's own."""
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
    """Return the user's thread count. Outside a user namespace the limit is for all of them."""
    if uid is None:
        uid = os.getuid()
    count = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{name}").st_uid == uid:
                count += len(os.listdir(f"/proc/{name}/task"))
    return count


def _drop_privileges(uid: int | None) -> None:
    """Drop all rights. Set-uid programs, file capabilities and former rights give none back."""
    libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
