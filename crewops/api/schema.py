"""The OpenAPI description of the API."""

from typing import Any

from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme
from drf_spectacular.openapi import AutoSchema as BaseAutoSchema
from drf_spectacular.utils import OpenApiResponse

from crewops.api.problems import MEDIA_TYPE, ProblemSerializer


class AutoSchema(BaseAutoSchema):
    """Describes errors as the problems they are; a view that declares one gives its meaning only."""

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        problem = OpenApiResponse(description="What went wrong and what to do.")
        return bodies | {"default": self._get_response_for_code(problem, "default")}

    def _get_response_for_code(
        self,
        serializer: Any,
        status_code: str,
        media_types: Any = None,
        direction: str = "response",
    ) -> dict[str, Any]:
        if status_code == "default" or status_code.startswith("4"):
            serializer = OpenApiResponse(ProblemSerializer, serializer.description)
            media_types = [MEDIA_TYPE]
        return super()._get_response_for_code(serializer, status_code, media_types, direction)


class AccessTokenScheme(SimpleJWTScheme):
    """Our authentication is described like the library's."""

    target_class = "crews.tokens.AccessTokenAuthentication"
