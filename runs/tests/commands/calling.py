"""Calling a command, and work for it to fail at."""

import io

from django.core.management import call_command


def run(command: str, *args: object, **options: object) -> tuple[str, str]:
    """What the command wrote to stdout and to stderr."""
    out, err = io.StringIO(), io.StringIO()
    call_command(command, *args, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def fail(crew, code: str = "exit 3") -> None:
    """Have the crew's first task fail."""
    task = crew.tasks.first()
    task.steps = [{"tool": "script", "params": {"interpreter": "bash", "code": code}}]
    task.save()
