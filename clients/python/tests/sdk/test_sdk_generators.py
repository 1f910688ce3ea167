"""The scope of a decorated generator is there only while the generator's own code runs."""

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import crewops_client as crewops
from crewops_client.reporter import Reporter
from sdk.report_server import ReportServer

Places = list[str | None]


def here() -> str | None:
    scope = crewops.current()
    return scope.agent_id if scope is not None else None


@crewops.agent("scout")
def scout() -> Iterator[str | None]:
    for _ in range(2):
        yield here()


@crewops.agent("writer")
def writer() -> Iterator[str | None]:
    for _ in range(2):
        yield here()


@crewops.agent("scout")
async def async_scout() -> AsyncIterator[str | None]:
    try:
        for _ in range(3):
            await asyncio.sleep(0)
            yield here()
    finally:
        await asyncio.sleep(0)
        closed_in.append(here())


closed_in: Places = []


def test_the_consumer_and_other_generators_are_not_in_the_scope(
    reporter: Reporter, server: ReportServer
):
    with crewops.run("c") as run:
        for pair in zip(scout(), writer(), strict=True):
            assert pair == ("scout", "writer")
            assert crewops.current() is run
        unfinished = scout()
        next(unfinished)
        assert crewops.current() is run
        unfinished.close()
        assert crewops.current() is run
    assert run.flush(20)
    assert all("parent_agent_id" not in start for start in server.of("agent_start"))
    ends = [(end["agent_id"], end["status"]) for end in server.of("agent_end")]
    assert sorted(ends) == [("scout", "cancelled"), ("scout", "succeeded"), ("writer", "succeeded")]


def test_the_consumer_and_other_async_generators_are_not_in_the_scope(
    reporter: Reporter, server: ReportServer
):
    async def consume(run: crewops.Run) -> None:
        async for place in async_scout():
            assert (place, crewops.current()) == ("scout", run)
        unfinished = async_scout()
        assert await anext(unfinished) == "scout"
        assert crewops.current() is run
        await unfinished.aclose()
        thrown = async_scout()
        await anext(thrown)
        with pytest.raises(LookupError):
            await thrown.athrow(LookupError())
        assert crewops.current() is run

    closed_in.clear()
    with crewops.run("c") as run:
        asyncio.run(consume(run))
    assert closed_in == ["scout"] * 3
    assert run.flush(20)
    assert [end["status"] for end in server.of("agent_end")] == ["succeeded", "cancelled", "failed"]


@crewops.agent("scout")
def with_blocks() -> Iterator[Any]:
    run = crewops.current_run()
    assert run is not None
    with run.task("Read", task_id="read"):
        yield crewops.current()
        yield crewops.current()
    yield crewops.current()


def in_this_context(call: Callable[..., Any], *args: Any) -> Any:
    return call(*args)


def in_a_copied_context(call: Callable[..., Any], *args: Any) -> Any:
    """As frameworks call a sync generator from async code: each step is in another thread."""
    return contextvars.copy_context().run(call, *args)


@pytest.mark.parametrize("each", [in_this_context, in_a_copied_context])
def test_blocks_around_a_yield_last(reporter: Reporter, server: ReportServer, each):
    with crewops.run("c") as run:
        items = with_blocks()
        places = [each(next, items) for _ in range(3)]
        assert crewops.current() is run
        assert each(next, items, None) is None
        assert crewops.current() is run
    shown = [(place.agent_id, place.task_id) for place in places]
    assert shown == [("scout", "read"), ("scout", "read"), ("scout", None)]


def test_a_generator_that_nobody_ends_leaves_the_place_of_others_alone(reporter: Reporter):
    with crewops.run("c") as run:
        items = in_a_copied_context(lambda: (made := scout(), next(made))[0])
        with run.task("other") as task:
            del items  # ends it
            assert crewops.current() is task


def talks(place: Places) -> Iterator[Any]:
    """Answers what it is sent; 0 for a LookupError."""
    given = None
    try:
        while given != "end":
            try:
                given = yield given
            except LookupError:
                given = 0
            place.append(here())
        return "returned"
    except GeneratorExit:
        place.append(f"closed in {here()}")
        raise


@pytest.mark.parametrize("in_a_run", [True, False])
def test_values_and_exceptions_get_in_and_out(reporter: Reporter, server, in_a_run: bool):
    place: Places = []
    talk = crewops.agent("scout")(talks)
    agent = "scout" if in_a_run else None
    with crewops.run("c") if in_a_run else contextlib.nullcontext() as run:
        items = talk(place)
        assert [next(items), items.send("a"), items.throw(LookupError())] == [None, "a", 0]
        with pytest.raises(StopIteration) as stopped:
            items.send("end")
        assert stopped.value.value == "returned"
        assert place == [agent] * 3
        closed = talk(place)
        next(closed)
        closed.close()
        assert place[-1] == f"closed in {agent}"
        error = ValueError("no")
        failed = talk(place)
        next(failed)
        with pytest.raises(ValueError, match="no") as raised:
            failed.throw(error)
        assert raised.value is error
        assert error.__context__ is None
        with pytest.raises(StopIteration):
            next(failed)
    if run:
        assert run.flush(20)
        ends = [end["status"] for end in server.of("agent_end")]
        assert ends == ["succeeded", "cancelled", "failed"]


@crewops.agent("scout")
def stubborn() -> Iterator[int]:
    try:
        yield 1
    except GeneratorExit:
        yield 2


@crewops.agent("scout")
async def async_stubborn() -> AsyncIterator[int]:
    try:
        yield 1
    except GeneratorExit:
        yield 2


def test_one_that_ignores_its_close_is_refused(reporter: Reporter):
    async def close() -> None:
        items = async_stubborn()
        await anext(items)
        with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
            await items.aclose()

    with crewops.run("c") as run:
        items = stubborn()
        next(items)
        with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
            items.close()
        asyncio.run(close())
        assert crewops.current() is run


def test_nested_decorators_see_generators(reporter: Reporter, server: ReportServer):
    nested = crewops.agent("boss")(crewops.tool("count")(lambda: (yield here())))
    with crewops.run("c") as run:
        assert list(nested()) == ["boss"]
    assert run.flush(20)
    assert server.of("tool_start")[0]["agent_id"] == "boss"
