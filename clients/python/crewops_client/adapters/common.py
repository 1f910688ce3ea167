"""Functions that all adapters share.

`quiet` logs an exception instead of raising it. `captured` is the text of messages.
"""

import asyncio
import contextlib
import functools
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from .. import reporter
from ..controls import OF_ADAPTERS
from ..runs import Run
from ..scope import Scope
from ..value_snapshot import snapshot

F = TypeVar("F", bound=Callable[..., Any])


def new_run(crew: str, name: str | None, origin: str, controls: Sequence[str] = OF_ADAPTERS) -> Run:
    """Return a run that the adapter ends. `controls` are those that its calls can carry out."""
    current = reporter.current()
    taken = controls if current.settings.controls else ()
    return Run(current, crew, name, origin=origin, controls=taken, by_adapter=True)


def quiet(method: F) -> F:
    """Return `method` in a form that logs an exception once and does not raise it.

    A framework may end its run when a hook raises.
    """

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except Exception as error:
            text = f"{method.__qualname__} failed: {type(error).__name__}: {error}"
            reporter.current().notices.log_once(method.__qualname__, text)
            return None

    return call  # type: ignore[return-value]


def callback(method: Callable[..., None]) -> Callable[..., Any]:
    """Return `method` as a coroutine function that a framework calls with keyword arguments.

    It logs exceptions like `quiet`, and returns None.
    """
    method = quiet(method)

    @functools.wraps(method)
    async def call(self: Any, **given: Any) -> None:
        method(self, **given)

    return call


def named(error: BaseException, *names: str) -> bool:
    """Return whether a class of the error has one of these names. Versions differ in the module."""
    return any(each.__name__ in names for each in type(error).__mro__)


def soon(call: Callable[[Any], None], span: Any) -> None:
    """Call `call(span)` in the next turn of this thread's event loop, or at once without a loop."""
    try:
        asyncio.get_running_loop().call_soon(call, span)
    except RuntimeError:
        call(span)  # no loop, so no other code runs in between


@quiet
def captured(scope: Scope, messages: Any) -> str | None:
    """Return the messages of a model call as ``role: text``, or None if text is not captured.

    The messages are objects of a framework or of a provider.
    """
    if not scope.run.capture_text:
        return None
    if messages is None or isinstance(messages, str):
        return messages
    flat = [item for each in messages for item in (each if isinstance(each, list) else [each])]
    return "\n\n".join(filter(None, map(_message, flat)))


def _message(message: Any) -> str:
    if isinstance(message, str):
        return message
    role = _of(message, "role", "type", "kind")
    content = _of(message, "content", "parts")
    parts = content if isinstance(content, list | tuple) else [content]
    text = "\n".join(filter(None, map(_part, parts)))
    text = text or _as_json(message)
    return f"{role}: {text}" if isinstance(role, str) and role else text


def _part(part: Any) -> str:
    if part is None or isinstance(part, str):
        return part or ""
    text = _of(part, "text", "content")
    return text if isinstance(text, str) else _as_json(part)


def _of(value: Any, *names: str) -> Any:
    for name in names:
        found = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
        if found is not None and not callable(found):
            return found
    return None


def _as_json(value: Any) -> str:
    return (
        value if isinstance(value, str) else json.dumps(_bare(snapshot(value)), ensure_ascii=False)
    )


def _bare(value: Any) -> Any:
    """Return the value without the empty fields of a framework's objects."""
    if isinstance(value, list):
        return [_bare(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: item for key in value if (item := _bare(value[key])) not in (None, "", {}, [])}


def arguments_of(given: Any) -> dict[str, Any] | None:
    """Return the arguments of a tool, which may be given as JSON text."""
    if isinstance(given, str):
        with contextlib.suppress(ValueError):
            given = json.loads(given)
    return given if isinstance(given, dict) or given is None else {"input": given}
