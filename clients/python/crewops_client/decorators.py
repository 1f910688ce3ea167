"""Functions as tools and tasks. Without a run around them they are called as if undecorated."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, overload

from . import context
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

    ``@tool``, ``@tool("git_clone")`` or ``@tool(output=False)``, which keeps the result to itself.
    ``@tool(approve=True)``: each call waits until a person has approved it, else raises `Denied`.
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

        return _wrapped(function, begin, finish)

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
    """Tasks and agents do not report what their function returns."""


def _wrapped(
    function: F,
    begin: Callable[[Scope, tuple[Any, ...], dict[str, Any]], Scope],
    finish: Callable[[Any, Any], None],
) -> F:
    """`function` within what `begin` makes. Generators last until they are exhausted."""
    call: Any
    if inspect.iscoroutinefunction(function):

        async def call(*args: Any, **kwargs: Any) -> Any:
            if (scope := context.current()) is None:
                return await function(*args, **kwargs)
            await scope.run.at_async_start()
            async with begin(scope, args, kwargs) as begun:
                result = await function(*args, **kwargs)
                finish(begun, result)
                return result

    elif inspect.isasyncgenfunction(function):

        async def call(*args: Any, **kwargs: Any) -> Any:
            if (scope := context.current()) is None:
                async for item in function(*args, **kwargs):
                    yield item
                return
            await scope.run.at_async_start()
            async with begin(scope, args, kwargs):
                async for item in function(*args, **kwargs):
                    yield item

    elif inspect.isgeneratorfunction(function):

        def call(*args: Any, **kwargs: Any) -> Any:
            if (scope := context.current()) is None:
                return (yield from function(*args, **kwargs))
            with begin(scope, args, kwargs):
                return (yield from function(*args, **kwargs))

    else:

        def call(*args: Any, **kwargs: Any) -> Any:
            if (scope := context.current()) is None:
                return function(*args, **kwargs)
            with begin(scope, args, kwargs) as begun:
                result = function(*args, **kwargs)
                finish(begun, result)
                return result

    return functools.wraps(function)(call)


def _arguments(
    function: Callable[..., Any],
) -> Callable[[tuple[Any, ...], dict[str, Any]], dict[str, Any]]:
    """A function that names the arguments of a call; `self` and `cls` are left out."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return lambda args, kwargs: {"args": args, **kwargs} if args else kwargs

    def named(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        try:
            bound = dict(signature.bind_partial(*args, **kwargs).arguments)
        except TypeError:  # the call itself will say so
            return kwargs
        return {key: value for key, value in bound.items() if key not in ("self", "cls")}

    return named
