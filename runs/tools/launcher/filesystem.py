"""The file system of a command in its box: the system read-only, its workspace, nothing else.

`runs.tools.box` lists the directories of the system (``SYSTEM``, ``CONFIGURATION``).
"""

import os

import libc

OLD = "/.old"  # path of the outer file system while the new one is built
DEVICES = ("null", "zero", "full", "random", "urandom")
DEVICE_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}
SCRATCH = {"/dev/shm": libc.MS_NOEXEC, "/tmp": 0}
SCRATCH_OPTIONS = "mode=1777,size=64m"  # each, in memory; $TMPDIR is on disk, in the workspace
READ_ONLY = libc.MOUNT_ATTR_RDONLY | libc.MOUNT_ATTR_NOSUID | libc.MOUNT_ATTR_NODEV
MOUNT_FLAGS = libc.MS_NOSUID | libc.MS_NODEV


def build(order: dict) -> None:
    """Replace the root by an empty one and mount the paths that the order allows."""
    libc.mount("none", "/", "", libc.MS_REC | libc.MS_PRIVATE)
    here = os.path.dirname(os.path.abspath(__file__))  # any directory works
    libc.mount("tmpfs", here, "tmpfs", MOUNT_FLAGS, "mode=0755,size=1m")
    os.chdir(here)
    os.mkdir(OLD[1:])
    libc.pivot_root(".", OLD[1:])
    os.chdir("/")
    _devices()
    os.mkdir("/proc")
    libc.mount("proc", "/proc", "proc", MOUNT_FLAGS | libc.MS_NOEXEC)
    for path, flags in SCRATCH.items():
        os.mkdir(path)
        libc.mount("tmpfs", path, "tmpfs", MOUNT_FLAGS | flags, SCRATCH_OPTIONS)
    for path in order["readable"]:
        _show(path, READ_ONLY)
    _show(order["workspace"], READ_ONLY & ~libc.MOUNT_ATTR_RDONLY)
    libc.unmount(OLD)
    os.rmdir(OLD)
    libc.mount("none", "/", "", libc.MS_REMOUNT | libc.MS_BIND | libc.MS_RDONLY | MOUNT_FLAGS)


def _show(path: str, attributes: int) -> None:
    """Mount an outer path, if it exists, at the same place. A symbolic link is created again."""
    outer = OLD + path
    if os.path.islink(outer):
        if not os.path.lexists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.symlink(os.readlink(outer), path)
        return
    if not os.path.exists(outer):
        return
    if os.path.isdir(outer):
        os.makedirs(path, exist_ok=True)
    elif not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    libc.mount(outer, path, "", libc.MS_BIND | libc.MS_REC)
    libc.set_mount_attributes(path, attributes)


def _devices() -> None:
    os.mkdir("/dev")
    for name in DEVICES:
        os.close(os.open(f"/dev/{name}", os.O_CREAT | os.O_WRONLY))
        libc.mount(f"{OLD}/dev/{name}", f"/dev/{name}", "", libc.MS_BIND)
    for name, target in DEVICE_LINKS.items():
        os.symlink(target, f"/dev/{name}")
