"""The status and the message of a scope that an exception has ended."""

from .controls import Cancelled

# By name, because a program that does not use these libraries should not pay for their import.
CANCELLED = {
    ("asyncio", "CancelledError"),
    ("concurrent", "CancelledError"),
    ("trio", "Cancelled"),
    ("crewops_client", "Cancelled"),
}


def text_of(error: BaseException) -> str:
    """Return ``ValueError: its text``, at most 500 characters. A cancellation has only a name."""
    error = _cause(error)
    if outcome(error) == "cancelled":
        return type(error).__name__
    try:
        text = str(error)
    except Exception:
        text = ""
    name = type(error).__name__
    return f"{name}: {text}"[:500] if text else name


def _cause(error: BaseException) -> BaseException:
    """Return the `Cancelled` that a framework has raised `error` from (Google ADK), or `error`."""
    return error.__cause__ if isinstance(error.__cause__, Cancelled) else error


def outcome(error: BaseException | None) -> str:
    """Return the status of a scope that ended with `error`, or without an error."""
    if error is None or (isinstance(error, SystemExit) and not error.code):
        return "succeeded"
    error = _cause(error)
    if isinstance(error, KeyboardInterrupt | GeneratorExit):
        return "cancelled"
    if any(each.__name__ == "BaseExceptionGroup" for each in type(error).__mro__):
        inner = {outcome(each) for each in getattr(error, "exceptions", ())}
        return "cancelled" if inner == {"cancelled"} else "failed"
    names = {(each.__module__.split(".")[0], each.__name__) for each in type(error).__mro__}
    return "cancelled" if names & CANCELLED else "failed"
