"""Report functions as tools, tasks and agents.

Outside of a run the decorators have no effect, except that a tool that needs approval is denied.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, overload

from . import context, generators
from .approvals import NO_RUN, Denied
from .scope import Scope
from .tools import Tool

F = TypeVar("F", bound=Callable[..., Any])


@overload
def tool(function: F, /) -> F: ...
@overload
def tool(
    name: str | None = None, /, *, output: bool = True, approve: bool = False
) -> Callable[[F], F]: ...
def tool(name: Any = None, /, *, output: bool = True, approve: bool = False) -> Any:
    """Report each call of the function as a tool, with its arguments, result and exception.

    Write ``@tool``, ``@tool("git_clone")``, or ``@tool(output=False)`` to not report the result.
    With ``@tool(approve=True)`` each call waits for a person's approval, or raises `Denied`. It
    raises `Denied` outside of a run, too, because nobody can be asked there.
    """
    if callable(name):
        return tool()(name)

    def decorate(function: F) -> F:
        shown = name or function.__name__
        arguments = _arguments(function)

        def begin(scope: Scope, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tool:
            return scope.ask_for_tool(shown, arguments(args, kwargs), approve=approve)

        def finish(started: Any, result: Any) -> None:
            if output:
                started.result(result)

        return _wrapped(function, begin, finish, gated=shown if approve else None)

    return decorate


@overload
def task(function: F, /) -> F: ...
@overload
def task(name: str | None = None, /) -> Callable[[F], F]: ...
def task(name: Any = None, /) -> Any:
    """Report each call of the function as a task of the agent around it."""
    if callable(name):
        return task()(name)

    def decorate(function: F) -> F:
        shown = name or function.__name__.replace("_", " ").strip().capitalize()
        return _wrapped(function, lambda scope, args, kwargs: scope.task(shown), _nothing)

    return decorate


def agent(
    agent_id: str, /, *, name: str | None = None, role: str | None = None
) -> Callable[[F], F]:
    """Report each call of the function as the work of an agent."""

    def decorate(function: F) -> F:
        def begin(scope: Scope, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Scope:
            return scope.agent(agent_id, name=name, role=role)

        return _wrapped(function, begin, _nothing)

    return decorate


def _nothing(scope: Any, result: Any) -> None:
    """Do nothing: tasks and agents do not report the result of their function."""


def _wrapped(
    function: F,
    begin: Callable[[Scope, tuple[Any, ...], dict[str, Any]], Scope],
    finish: Callable[[Any, Any], None],
    gated: str | None = None,
) -> F:
    """Return `function` in a scope from `begin`. A generator's scope ends when it is exhausted.

    `gated` is the name of a tool that needs approval. It must not be called outside of a run.
    """
    call: Any
    if inspect.iscoroutinefunction(function):

        async def call(*args: Any, **kwargs: Any) -> Any:
            if (scope := _scope_of(gated)) is None:
                return await function(*args, **kwargs)
            await scope.run.at_async_start()
            async with begin(scope, args, kwargs) as begun:
                result = await function(*args, **kwargs)
                finish(begun, result)
                return result

    elif inspect.isasyncgenfunction(function):
        call = generators.async_generator(function, begin, lambda: _scope_of(gated))

    elif inspect.isgeneratorfunction(function):
        call = generators.generator(function, begin, lambda: _scope_of(gated))

    else:

        def call(*args: Any, **kwargs: Any) -> Any:
            if (scope := _scope_of(gated)) is None:
                return function(*args, **kwargs)
            with begin(scope, args, kwargs) as begun:
                result = function(*args, **kwargs)
                finish(begun, result)
                return result

    return functools.wraps(function)(call)


def _scope_of(gated: str | None) -> Scope | None:
    """Return the scope around the call, or None. Raises `Denied` if a gated tool has none."""
    scope = context.current()
    if scope is None and gated is not None:
        raise Denied(f"{gated}: {NO_RUN}", decision="expired")
    return scope


def _arguments(
    function: Callable[..., Any],
) -> Callable[[tuple[Any, ...], dict[str, Any]], dict[str, Any]]:
    """Return a function that names the arguments of a call. It leaves out `self` and `cls`."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return lambda args, kwargs: {"args": args, **kwargs} if args else kwargs

    def named(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        try:
            bound = dict(signature.bind_partial(*args, **kwargs).arguments)
        except TypeError:  # the call itself raises it
            return kwargs
        return {key: value for key, value in bound.items() if key not in ("self", "cls")}

    return named
