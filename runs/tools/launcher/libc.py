"""System calls that Python 3.11 has no function for. Each raises OSError with the call's name."""

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)

# linux/sched.h
CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

# linux/mount.h
MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2
MOUNT_ATTR_RDONLY = 1
MOUNT_ATTR_NOSUID = 2
MOUNT_ATTR_NODEV = 4

# linux/prctl.h
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

AT_FDCWD = -100
AT_RECURSIVE = 0x8000
SYS_MOUNT_SETATTR = 442  # the same on every architecture; since Linux 5.12
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}


def prctl(option: int, value: int) -> None:
    _check("prctl", _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0))


def name_process(name: str) -> None:
    """Set the name that `ps` shows for this process, at most 15 characters."""
    _check("prctl", _libc.prctl(PR_SET_NAME, name.encode(), 0, 0, 0))


def unshare(flags: int) -> None:
    _check("unshare", _libc.unshare(flags))


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    arguments = (os.fsencode(source), os.fsencode(target), kind.encode())
    _check(f"mount {target}", _libc.mount(*arguments, ctypes.c_ulong(flags), data.encode() or None))


def unmount(target: str) -> None:
    """Detach the mount and everything below it."""
    _check(f"umount {target}", _libc.umount2(os.fsencode(target), MNT_DETACH))


def set_mount_attributes(target: str, attributes: int) -> None:
    """Add MOUNT_ATTR_* to the mount and to every mount below it."""
    # struct mount_attr {attr_set, attr_clr, propagation, userns_fd}
    attr = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    result = _libc.syscall(
        SYS_MOUNT_SETATTR,
        AT_FDCWD,
        os.fsencode(target),
        AT_RECURSIVE,
        ctypes.byref(attr),
        ctypes.c_size_t(ctypes.sizeof(attr)),
    )
    _check(f"mount_setattr {target}", result)


def pivot_root(new: str, old: str) -> None:
    machine = os.uname().machine
    if machine not in SYS_PIVOT_ROOT:
        raise OSError(0, f"pivot_root is not known for {machine}")
    number = SYS_PIVOT_ROOT[machine]
    _check("pivot_root", _libc.syscall(number, os.fsencode(new), os.fsencode(old)))


def _check(call: str, result: int) -> None:
    if result == -1:
        error = ctypes.get_errno()
        raise OSError(error, f"{call}: {os.strerror(error)}")
