"""What addresses below ``/api/`` answer that lead nowhere."""

from typing import NoReturn

from django.urls import resolve
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView


class MissingSlash(NotFound):
    default_code = "missing_slash"


class NowhereView(APIView):
    """The problem that a missing object is, or a hint at the slash that is missing."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    schema = None

    def initial(self, request: Request, *args: object, **kwargs: object) -> NoReturn:
        path = request.path_info
        if not path.endswith("/") and resolve(path + "/").func.cls is not type(self):
            raise MissingSlash(f"Addresses end with a slash: {path}/")
        raise NotFound
