"""Parsers of request bodies."""

from typing import Any

from rest_framework import parsers
from rest_framework.exceptions import ParseError


class JSONParser(parsers.JSONParser):
    """Parses JSON, the only media type of requests.

    ``DATA_UPLOAD_MAX_MEMORY_SIZE`` limits its size. Raises ``ParseError`` for JSON that is nested
    too deeply.
    """

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error
