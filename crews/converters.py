"""URL path converters: the ids of records."""

from django.urls import register_converter
from django.urls.converters import UUIDConverter


class IdConverter(UUIDConverter):
    """``<id:...>``: a UUID in upper or lower case, as on the sockets.

    URLs that we make are in lower case.
    """

    regex = UUIDConverter.regex.replace("a-f", "a-fA-F")


register_converter(IdConverter, "id")
