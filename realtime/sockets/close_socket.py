"""Reasons why the server closes a socket."""

from realtime.close_codes import CloseCode


class CloseSocket(Exception):
    """The socket is closed with this code."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class CloseTooMany(CloseSocket):
    """Closes with 4429, after an ``error_message`` with the code ``error_code``."""

    def __init__(self, error_code: str, reason: str) -> None:
        super().__init__(CloseCode.TOO_MANY, reason)
        self.error_code = error_code


NOT_FOUND = (CloseCode.NOT_FOUND, "Not found.")
NO_SCOPE = (CloseCode.ACCESS_REMOVED, "The API key lacks the scope `watch`.")
UNAUTHENTICATED = (CloseCode.UNAUTHENTICATED, "Sign in, or send a valid access token or API key.")
