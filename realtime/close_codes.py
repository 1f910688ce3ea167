"""Close codes of the wire contract."""

from enum import IntEnum


class CloseCode(IntEnum):
    COMPLETE = 1000
    RESTARTING = 1012  # sent by the server process itself
    MALFORMED = 4400
    UNAUTHENTICATED = 4401
    ACCESS_REMOVED = 4403
    NOT_FOUND = 4404
    TOO_SLOW = 4408
    TOO_MANY = 4429
    SERVER_ERROR = 4500
