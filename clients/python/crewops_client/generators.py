"""Decorated generators: their scope is in the context only while their own code runs.

The code that takes the items has another place. It may take each item in another thread.
"""

import contextlib
from collections.abc import Callable, Generator
from contextvars import Token
from typing import Any

from . import context
from .scope import Scope

Begin = Callable[[Scope, tuple[Any, ...], dict[str, Any]], Scope]
ScopeOf = Callable[[], Scope | None]


class Inside:
    """Enters a generator's scope while one step of it runs: ``with inside: next(generator)``.

    The scope may change: a generator may yield in a ``with`` block of its own.
    """

    def __init__(self, scope: Scope | None) -> None:
        """Take `scope`, whose block has just been entered, out of the context. None: no scope."""
        self._scope = scope
        self._token: Token[Scope | None] | None = None
        if scope is not None:
            context.leave(scope._token)
            scope._token = None

    def __enter__(self) -> None:
        if self._scope is not None:
            self._token = context.enter(self._scope)

    def __exit__(self, *error: object) -> None:
        if self._scope is not None:
            self._scope = context.current() or self._scope
            context.leave(self._token)


def generator(function: Callable[..., Any], begin: Begin, scope_of: ScopeOf) -> Callable[..., Any]:
    """Return a generator function that does the same as `function`, in a scope from `begin`."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if (scope := scope_of()) is None:
            return (yield from function(*args, **kwargs))
        with begin(scope, args, kwargs) as begun:
            return (yield from _steps(function(*args, **kwargs), Inside(begun)))

    return call


def _steps(items: Generator[Any, Any, Any], inside: Inside) -> Generator[Any, Any, Any]:
    """Do the same as ``yield from items``, with each step `inside`."""
    step, given = items.send, None
    while True:
        with inside:
            try:
                item = step(given)
            except StopIteration as stop:
                return stop.value
            finally:
                given = None  # an exception must not keep itself alive
        try:
            step, given = items.send, (yield item)
        except GeneratorExit:
            with inside:
                items.close()
            raise
        except BaseException as error:
            step, given = items.throw, error


def async_generator(
    function: Callable[..., Any], begin: Begin, scope_of: ScopeOf
) -> Callable[..., Any]:
    """Return an async generator function that does the same as `function`, in such a scope."""

    async def call(*args: Any, **kwargs: Any) -> Any:
        async with contextlib.AsyncExitStack() as stack:
            begun = None
            if (scope := scope_of()) is not None:
                await scope.run.at_async_start()
                begun = await stack.enter_async_context(begin(scope, args, kwargs))
            inside = Inside(begun)
            items = function(*args, **kwargs)
            step, given = items.asend, None
            while True:  # as `_steps`: async generators have no `yield from`
                with inside:
                    try:
                        item = await step(given)
                    except StopAsyncIteration:
                        return
                    finally:
                        given = None
                try:
                    step, given = items.asend, (yield item)
                except GeneratorExit:
                    with inside:
                        await items.aclose()
                    raise
                except BaseException as error:
                    step, given = items.athrow, error

    return call
