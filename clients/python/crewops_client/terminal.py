"""Functions for the terminal of this process, and for the one that it makes for a command."""

import contextlib
import fcntl
import os
import selectors
import struct
import termios
import tty
from collections.abc import Callable


def make(like: int) -> tuple[int, int]:
    """Make a terminal with the modes and size of `like`. Return our end and the command's end."""
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
    """Let the terminal send its signals to this process, which is the command's.

    This process must lead a new session.
    """
    fcntl.ioctl(descriptor, termios.TIOCSCTTY, 0)


def in_foreground(descriptor: int) -> bool:
    """Return whether we may change this terminal and read from it without being stopped."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False


def pass_through(descriptor: int, keys: bool) -> Callable[[], None]:
    """Make the terminal pass output bytes unchanged, and with `keys` also typed bytes.

    Return a function that restores its modes.
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
    """Write all of `data`. Return False if the reader has closed."""
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
