"""Which errors of the database are outages: the same statement may succeed later."""

from django.db import InterfaceError, InternalError, OperationalError

# PostgreSQL's codes of errors that psycopg raises as internal errors. A transaction was idle or ran
# for too long, so its session was ended. Or the server is read-only, as after a switchover.
STATES = {"25P03", "25P04", "25006"}


def is_outage(error: BaseException) -> bool:
    """Whether the database was away, ended the session or accepts no writes at the moment."""
    if isinstance(error, InternalError):
        return getattr(error.__cause__, "sqlstate", None) in STATES
    return isinstance(error, OperationalError | InterfaceError)
