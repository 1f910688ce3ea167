"""What happens in a run while its sockets are open."""

from django.contrib.auth.models import User
from django.test import Client

from runs.models import Run, TaskExecution, ToolExecution


def browser_of(user: User) -> tuple[Client, dict[str, str]]:
    """A browser that is signed in, and the header its sockets carry."""
    browser = Client()
    browser.force_login(user)
    return browser, {"Cookie": f"sessionid={browser.cookies['sessionid'].value}"}


def work(run: Run, entry: dict) -> ToolExecution:
    """Carry out one task with one tool call that reports once: three graph events."""
    task = TaskExecution.objects.start(run=run, task=entry)
    execution = ToolExecution.objects.start(task_execution=task, tool="script", params={"n": 1})
    execution.report(message="half", progress=0.5, output="hello\n")
    execution.end("success", exit_code=0)
    task.finish("succeeded")
    return execution


def finish(run: Run) -> None:
    """Carry out every task, and end the run."""
    for entry in run.plan["tasks"]:
        work(run, entry)
    run.finish("succeeded")


def subscribe(socket, *names: str, **position) -> None:
    for name in names:
        socket.send({"type": "subscribe", "stream": name} | position)


def frames_until(socket, **fields) -> list[dict]:
    """The frames up to the one with these fields, without heartbeats."""
    return [frame for frame in socket.until(**fields) if frame["type"] != "ping"]


def close_of(socket, name: str) -> tuple[int, str]:
    """The end of that stream; every frame before it must be of another one."""
    *before, close = frames_until(socket, type="close")
    assert close["stream"] == name
    assert name not in {frame.get("stream") for frame in before}
    return close["code"], close["reason"]


def alive(socket) -> bool:
    socket.send({"type": "ping"})
    return socket.until(type="pong")[-1] == {"type": "pong"}
