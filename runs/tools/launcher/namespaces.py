"""The box: own users, processes, mounts, network and IPC, so that nothing else is in sight.

Three processes stand between the worker and the command. The launcher, outside, sees to the end of
everything. The keeper has left the launcher's namespaces and only waits. Below it, process 1 of the new
process namespace builds the file system and starts the command; when it ends, for whatever reason, the
kernel kills every process of the namespace.
"""

import fcntl
import os
import signal
import socket
import struct
from pathlib import Path

import command
import filesystem
import libc

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1  # linux/sockios.h, linux/if.h
NAMESPACES = (
    libc.CLONE_NEWUSER
    | libc.CLONE_NEWNS
    | libc.CLONE_NEWPID
    | libc.CLONE_NEWIPC
    | libc.CLONE_NEWUTS
)


def start(order: dict, report) -> int:
    """Start the command in its box; returns the keeper's process id, whose exit code is the command's."""
    unshared, tell_unshared = os.pipe()
    mapped, tell_mapped = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        os.close(unshared)
        os.close(tell_mapped)
        _guarded(_keep, order, report, tell_unshared, mapped)
    os.close(tell_unshared)
    os.close(mapped)
    if os.read(unshared, 1):  # nothing comes from a keeper that failed, which has said why
        _map_users(keeper, order["uid"])
        os.write(tell_mapped, b"1")
    os.close(unshared)
    os.close(tell_mapped)
    return keeper


def _keep(order: dict, report, tell_unshared: int, mapped: int) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the command is to have its grace
    libc.unshare(NAMESPACES | (0 if order["network"] else libc.CLONE_NEWNET))
    os.write(tell_unshared, b"1")
    if not os.read(mapped, 1):
        raise OSError(0, "the users could not be mapped")
    pid = os.fork()
    if pid == 0:
        _guarded(_init, order, report)
    return _exit_code(os.waitpid(pid, 0)[1])


def _init(order: dict, report) -> int:
    """Process 1. Keeps its capabilities, so that the command, which has none, cannot trace it."""
    libc.prctl(libc.PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(libc.PR_SET_DUMPABLE, 0)
    filesystem.build(order)
    if not order["network"]:
        _raise_loopback()
    # What the kernel offers to the root of a new user namespace is more than a tool needs to see.
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
    pid = command.start(order, report)
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == pid:
            return _exit_code(status)


def _map_users(keeper: int, uid: int | None) -> None:
    """Let the keeper's namespace know the users it needs: root may give it two, others themselves."""
    users, groups = ([0, uid], [0, uid]) if uid is not None else ([os.geteuid()], [os.getegid()])
    process = Path(f"/proc/{keeper}")
    if uid is None:
        (process / "setgroups").write_text("deny")
    (process / "uid_map").write_text("".join(f"{user} {user} 1\n" for user in users))
    (process / "gid_map").write_text("".join(f"{group} {group} 1\n" for group in groups))


def _raise_loopback() -> None:
    """Tests talk to themselves on 127.0.0.1; there is no other interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack_from("16xh", fcntl.ioctl(sock, SIOCGIFFLAGS, request))
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _guarded(work, order: dict, report, *arguments: int) -> None:
    """Run `work` in a forked process and end that with its exit code."""
    code = command.START_FAILED
    try:
        code = work(order, report, *arguments)
    except OSError as error:
        report(error=f"The box could not be built: {error.strerror or error}.")
    finally:
        os._exit(code)
