"""The ``Idempotency-Key`` header. `Run.objects.request` looks for the run of a key."""

import re

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

HEADER = "Idempotency-Key"
LENGTH = 200  # characters, the size of Run.idempotency_key
KEY = re.compile(rf"^[!-~]{{1,{LENGTH}}}$")  # printable ASCII without space; the schema has it too
RULE = f"1 to {LENGTH} printable ASCII characters without spaces"

PARAMETER = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": LENGTH, "pattern": KEY.pattern},
    OpenApiParameter.HEADER,
    description=(
        f"A text of your choice, {RULE}. Sending it again for the same crew, or for a retry of the "
        "same run, answers with the run that the first request started. For anything else it is "
        "answered 409."
    ),
)


def key_of(request: Request) -> str:
    """Return the request's key, or "" without the header. Raises ``ValidationError`` if invalid."""
    key = request.headers.get(HEADER)
    if key is None:
        return ""
    if not KEY.fullmatch(key):
        raise ValidationError({HEADER: f"Give {RULE}."})
    return key
