"""The run, agent and task that the running code belongs to."""

import contextvars
import functools
import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from . import reporter

if TYPE_CHECKING:
    from .runs import Run
    from .scope import Scope

P = ParamSpec("P")
T = TypeVar("T")

VARIABLE = "CREWOPS_RUN"

_scope: contextvars.ContextVar["Scope | None"] = contextvars.ContextVar("crewops", default=None)
_joined: dict[str, "Run | None"] = {}  # by the text of the variable


def enter(scope: "Scope") -> contextvars.Token["Scope | None"]:
    return _scope.set(scope)


def leave(token: contextvars.Token["Scope | None"] | None) -> None:
    if token is None:
        return
    try:
        _scope.reset(token)
    except (ValueError, RuntimeError):
        # The scope is left in another context than it was entered in. Async generators may do this.
        before = token.old_value
        _scope.set(None if before is contextvars.Token.MISSING else before)


def current() -> "Scope | None":
    """Return the innermost scope around the caller, or the run that CREWOPS_RUN names, or None."""
    scope = _scope.get()
    return scope if scope is not None else joined()


def current_run() -> "Run | None":
    scope = current()
    return scope.run if scope is not None else None


def joined() -> "Run | None":
    """Return the run that the environment names, or None: the same object for the same text."""
    text = os.environ.get(VARIABLE)
    if not text:
        return None
    if text not in _joined:
        _joined[text] = join(text)
    return _joined[text]


def join(text: str) -> "Run | None":
    from .runs import Run

    try:
        named = json.loads(text)
        return Run(
            reporter.current(),
            named["crew"],
            named.get("name"),
            key=named["run"],
            agent_id=named.get("agent"),
            task_id=named.get("task"),
            owner=False,
            capture_text=named.get("capture_text"),
        )
    except (ValueError, KeyError, TypeError):
        message = f"{VARIABLE} is not what Run.env() puts there: no run is joined"
        reporter.current().notices.log_once(VARIABLE, message)
        return None


def forget_joined() -> None:
    """Forget the joined runs in a forked child, which joins by itself."""
    _joined.clear()


def copy_context(function: Callable[P, T]) -> Callable[P, T]:
    """Return `function` with this context for a thread: ``pool.submit(copy_context(work))``."""
    context = contextvars.copy_context()

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.copy().run(function, *args, **kwargs)

    return call


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_joined)
