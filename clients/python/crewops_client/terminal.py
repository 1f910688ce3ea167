"""Our terminal and the one that we make for a command."""

import contextlib
import fcntl
import os
import selectors
import struct
import termios
import tty
from collections.abc import Callable


def make(like: int) -> tuple[int, int]:
    """A new terminal with the modes and size of the one at `like`: our end and its other end."""
    ours, its = os.openpty()
    with contextlib.suppress(termios.error, OSError):
        termios.tcsetattr(its, termios.TCSANOW, termios.tcgetattr(like))
    resize(ours, like)
    os.set_blocking(ours, False)
    return ours, its


def resize(ours: int, like: int) -> None:
    with contextlib.suppress(OSError):
        size = fcntl.ioctl(like, termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
        fcntl.ioctl(ours, termios.TIOCSWINSZ, size)


def become_controlling(descriptor: int) -> None:
    """In the command's process, which leads a new session: its terminal sends it the signals."""
    fcntl.ioctl(descriptor, termios.TIOCSCTTY, 0)


def in_foreground(descriptor: int) -> bool:
    """Whether we may change this terminal and read from it without being stopped."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False


def pass_through(descriptor: int, keys: bool) -> Callable[[], None]:
    """Let bytes through as they are; with `keys` also those that are typed.

    Returns the way back.
    """
    before = termios.tcgetattr(descriptor)
    if keys:
        tty.setraw(descriptor, termios.TCSADRAIN)
    else:
        modes = termios.tcgetattr(descriptor)
        modes[1] &= ~termios.OPOST  # the command's own terminal has done that
        termios.tcsetattr(descriptor, termios.TCSADRAIN, modes)

    def restore() -> None:
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

    return restore


def write(target: int, data: bytes) -> bool:
    """All of `data`; false when the reader is gone."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(target, view) :]
        except BlockingIOError:
            with selectors.DefaultSelector() as writable:
                writable.register(target, selectors.EVENT_WRITE)
                writable.select()
        except OSError:
            return False
    return True
