"""As a shell: makes the terminal on stdin that of this session, and ``manage.py`` its job.

Ends with the job's exit status. Of one that a signal has killed that is no status of a shell.
"""

import fcntl
import os
import runpy
import signal
import sys
import termios


def main() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # while no job is in the foreground yet
    if job := os.fork():
        os._exit(os.waitstatus_to_exitcode(os.waitpid(job, 0)[1]) % 256)
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    for number in (signal.SIGTTOU, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)  # the tests may run under nohup or in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
