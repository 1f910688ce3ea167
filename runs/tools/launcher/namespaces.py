"""The box: own users, processes, mounts, network and IPC, so that nothing else is visible.

There are three processes between the worker and the command. The launcher is outside the box. It
waits, and ends the processes that are left. The keeper has left the launcher's namespaces, but it
cannot enter its own process namespace, so it only waits for its child. The child is process 1 in
that namespace. It builds the file system, starts the command and supervises it. When it ends, for
any reason, the kernel kills every process of the namespace.
"""

import fcntl
import os
import select
import signal
import socket
import struct
from pathlib import Path

import command
import filesystem
import libc
import supervision
import tree

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1  # linux/sockios.h, linux/if.h
INTERFACE_REQUEST = "16sh14x"  # struct ifreq: name, flags
NAMESPACES = (
    libc.CLONE_NEWUSER
    | libc.CLONE_NEWNS
    | libc.CLONE_NEWPID
    | libc.CLONE_NEWIPC
    | libc.CLONE_NEWUTS
)
LAST_WAIT_S = supervision.GRACE_S + 0.5  # for process 1 to end the command after a stop


def run(order: dict, report) -> None:
    """Run the command in its box. Process 1 of the box reports how it ended."""
    tree.adopt_orphans()
    keeper = _start(order, report)
    ended = os.pidfd_open(keeper)
    ends = select.poll()
    ends.register(0, 0)  # only its end: the data there is for process 1
    ends.register(ended, select.POLLIN)
    if ended not in dict(ends.poll()):
        select.select([ended], [], [], LAST_WAIT_S)
    tree.end(0)


def _start(order: dict, report) -> int:
    """Fork the keeper and map its users. Returns its process id."""
    unshared, unshared_writer = os.pipe()
    mapped, mapped_writer = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        os.close(unshared)
        os.close(mapped_writer)
        _guarded(_keep, order, report, unshared_writer, mapped)
    os.close(unshared_writer)
    os.close(mapped)
    if os.read(unshared, 1):  # a keeper that failed sends nothing, and has reported why
        _map_users(keeper, order["uid"])
        os.write(mapped_writer, b"1")
    os.close(unshared)
    os.close(mapped_writer)
    return keeper


def _keep(order: dict, report, unshared_writer: int, mapped: int) -> None:
    libc.unshare(NAMESPACES | (0 if order["network"] else libc.CLONE_NEWNET))
    os.write(unshared_writer, b"1")
    if not os.read(mapped, 1):
        raise OSError(0, "the users could not be mapped")
    pid = os.fork()
    if pid == 0:
        _guarded(_be_first, order, report)
    os.waitpid(pid, 0)


def _be_first(order: dict, report) -> None:
    """Process 1. It keeps its capabilities, so the command, which has none, cannot trace it."""
    libc.prctl(libc.PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(libc.PR_SET_DUMPABLE, 0)
    filesystem.build(order)
    if not order["network"]:
        _raise_loopback()
    # The kernel would show the root of a new user namespace more than a tool needs to see.
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
    supervision.run(order, report)


def _map_users(keeper: int, uid: int | None) -> None:
    """Map the users that the keeper needs: two if this process is root, otherwise only its own."""
    users, groups = ([0, uid], [0, uid]) if uid is not None else ([os.geteuid()], [os.getegid()])
    process = Path(f"/proc/{keeper}")
    if uid is None:
        (process / "setgroups").write_text("deny")
    (process / "uid_map").write_text("".join(f"{user} {user} 1\n" for user in users))
    (process / "gid_map").write_text("".join(f"{group} {group} 1\n" for group in groups))


def _raise_loopback() -> None:
    """Enable the loopback interface, the only one. Tests connect to themselves on 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        answer = fcntl.ioctl(sock, SIOCGIFFLAGS, struct.pack(INTERFACE_REQUEST, b"lo", 0))
        name, flags = struct.unpack(INTERFACE_REQUEST, answer)
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack(INTERFACE_REQUEST, name, flags | IFF_UP))


def _guarded(work, order: dict, report, *arguments: int) -> None:
    """Do `work` in a forked process and end the process. An OSError is reported."""
    try:
        work(order, report, *arguments)
    except OSError as error:
        report(error=f"The box could not be built: {error.strerror or error}.")
    finally:
        os._exit(command.START_FAILED)
