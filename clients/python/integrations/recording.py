"""Runs cases with the real framework and a stub model; writes what was called and what was
reported.

In an environment with the requirements beside this file, for example:
``PYTHONPATH=..:../tests python langchain_cases.py``. Look at what it prints before you check it in.
"""

import importlib.metadata
import inspect
import tempfile
from collections.abc import Callable
from typing import Any

from sdk import recorded
from sdk.report_server import KEY, ReportServer

import crewops_client as crewops

Calls = list[list[Any]]
# What a person decides about each call in the cases whose titles begin with "gate " and the word.
# These cases return the result that the model gets of the call.
DECISIONS = {
    "approved": {"decision": "approved", "by": "anna", "note": "", "detail": ""},
    "denied": {
        "decision": "denied", "by": "anna", "note": "no", "detail": "Denied by anna: no",
    },
    "expired": {
        "decision": "expired", "by": "", "note": "", "detail": "Nobody has approved it in time.",
    },
    "not needed": {"decision": "not_needed", "by": "", "note": "", "detail": ""},
}  # fmt: skip


def recorder(cls: type, calls: Calls, keep: Callable[[str, list, dict], tuple[list, dict]]) -> type:
    """A subclass of the adapter that also notes each call, as far as `keep` keeps it."""

    def method(name: str) -> Callable[..., Any]:
        original = getattr(cls, name)

        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            calls.append([name, *keep(name, list(args), kwargs)])
            return original(self, *args, **kwargs)

        async def when_it_runs(self: Any, *args: Any, **kwargs: Any) -> Any:
            calls.append([name, *keep(name, list(args), kwargs)])
            return await original(self, *args, **kwargs)

        return when_it_runs if inspect.iscoroutinefunction(original) else call

    names = [name for name in vars(cls) if name.startswith("on_") or name.endswith("_callback")]
    names += [name for name in ("tool_error",) if name in vars(cls)]
    return type(cls.__name__, (cls,), {"calls": calls, **{name: method(name) for name in names}})


def decision_of(title: str) -> dict[str, Any] | None:
    """What a person decides in this case."""
    return next((DECISIONS[word] for word in DECISIONS if title.startswith(f"gate {word}")), None)


def run(
    name: str,
    packages: list[str],
    adapter: type,
    keep: Callable[[str, list, dict], tuple[list, dict]],
    cases: dict[str, Callable[[Any], Any]],
    steps: Callable[[], Calls] | None = None,
) -> None:
    """Each case gets an adapter; what it reports is printed to be looked at, and written."""
    written = []
    for title, case in cases.items():
        server = ReportServer()
        server.decision = decision_of(title)
        crewops.configure(url=server.url, api_key=KEY, spool_dir=tempfile.gettempdir())
        calls: Calls = []
        handler = recorder(adapter, calls, keep)("release-crew")
        try:
            result = str(case(handler))
        except BaseException as error:
            result = repr(error)
        if hasattr(handler, "close"):
            handler.close()
        crewops.flush(10)
        events = recorded.normalised(server.events)
        written.append({"case": title, "calls": steps() if steps else calls, "events": events})
        if server.decision is not None:
            written[-1] |= {"decision": server.decision, "told": result}
        print(f"\n== {title}: {result[:100]}")
        for event in events:
            rest = {key: value for key, value in event.items() if key != "type"}
            print(f"   {event['type']:14}{rest}")
        server.close()
    versions = {package: importlib.metadata.version(package) for package in packages}
    recorded.write(name, versions, written)
    print(f"\n{versions}")
