"""Why a socket is closed by the server."""

from realtime.close_codes import CloseCode


class Refusal(Exception):
    """The socket is closed with this code."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class TooMany(Refusal):
    """Refused with 4429, and told why before: ``told`` is the code of an ``error_message``."""

    def __init__(self, told: str, reason: str) -> None:
        super().__init__(CloseCode.TOO_MANY, reason)
        self.told = told


NOT_FOUND = (CloseCode.NOT_FOUND, "Not found.")
UNAUTHENTICATED = (CloseCode.UNAUTHENTICATED, "Sign in, or send a valid access token.")
