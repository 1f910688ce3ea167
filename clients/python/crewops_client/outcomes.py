"""How what ended with an exception ended."""

from .controls import Cancelled

# By name, as importing these libraries would cost a program that does not use them.
CANCELLED = {
    ("asyncio", "CancelledError"),
    ("concurrent", "CancelledError"),
    ("trio", "Cancelled"),
    ("crewops_client", "Cancelled"),
}


def text_of(error: BaseException) -> str:
    """``ValueError: what it says``, at most 500 characters; of a cancellation the name alone."""
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
    """`Cancelled` where a framework raises something else from it, as Google ADK does."""
    return error.__cause__ if isinstance(error.__cause__, Cancelled) else error


def outcome(error: BaseException | None) -> str:
    """The status of what ended with `error`."""
    if error is None or (isinstance(error, SystemExit) and not error.code):
        return "succeeded"
    error = _cause(error)
    if isinstance(error, KeyboardInterrupt | GeneratorExit):
        return "cancelled"
    names = {(each.__module__.split(".")[0], each.__name__) for each in type(error).__mro__}
    return "cancelled" if names & CANCELLED else "failed"
