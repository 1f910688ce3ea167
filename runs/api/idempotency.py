"""The ``Idempotency-Key`` header: a request that is sent again is not carried out again."""

import re

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

HEADER = "Idempotency-Key"
KEY = re.compile(r"[\x21-\x7e]{1,200}")  # printable ASCII; Run.idempotency_key holds 200 characters

PARAMETER = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description=(
        "A text of your choice, 1 to 200 printable ASCII characters. Sending it again for the "
        "same crew answers with the run that the first request started."
    ),
)


def key_of(request: Request) -> str:
    """The request's key; empty without the header. Raises ``ValidationError`` for an unusable one."""
    key = request.headers.get(HEADER)
    if key is None:
        return ""
    if not KEY.fullmatch(key):
        raise ValidationError({HEADER: "Give 1 to 200 printable ASCII characters, no spaces."})
    return key
