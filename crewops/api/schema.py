"""The OpenAPI description of the API."""

from typing import Any

from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema as BaseAutoSchema
from drf_spectacular.utils import OpenApiResponse

from crewops.api.problems import MEDIA_TYPE, ProblemSerializer
from crews.api_key_authentication import READING

LOCATION = {
    "description": "The address of what was made.",
    "required": True,
    "schema": {"type": "string", "format": "uri"},
}
ETAG = {
    "description": "Of this content, for `If-None-Match`: 304 says that it is still the same.",
    "required": True,
    "schema": {"type": "string"},
}


class AutoSchema(BaseAutoSchema):
    """Describes every error as a problem. A view that declares one gives only its description."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            operation.setdefault("security", [])  # explicit for public calls; the library omits it
            for parameter in operation.get("parameters", []):
                # An empty value counts as absent, except for a list and for page_size.
                strict = (
                    parameter["schema"].get("type") == "array" or parameter["name"] == "page_size"
                )
                if parameter["in"] == "query" and not strict:
                    parameter["allowEmptyValue"] = True
        return operation

    def _get_response_headers_for_code(
        self, status_code: str, direction: str = "response"
    ) -> dict[str, Any]:
        headers = super()._get_response_headers_for_code(status_code, direction)
        if status_code == "201":
            headers["Location"] = LOCATION
        if status_code == "200" and self.method == "GET":
            headers["ETag"] = ETAG
        return headers

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
    """Describes our authentication class like the library's."""

    target_class = "crews.token_authentication.AccessTokenAuthentication"


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = "crews.api_key_authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: BaseAutoSchema) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "crewops_...",
            "description": "An API key of an organization. "
            "What it may do is what its scopes allow: "
            "`watch` reads, `operate` starts, cancels and retries runs, `report` reports runs.",
        }

    def get_security_requirement(self, auto_schema: BaseAutoSchema) -> dict[str, list] | None:
        scopes = getattr(auto_schema.view, "key_scopes", READING)
        return {self.name: []} if auto_schema.method in scopes else None


def type_nullable(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Add a ``type`` to each ``nullable``, which has no meaning without one in OpenAPI 3.0."""
    schemas = result["components"]["schemas"]
    for component in schemas.values():
        for described in component.get("properties", {}).values():
            if described.get("nullable") and "type" not in described:
                (first, *_) = described.get("oneOf") or described["allOf"]
                described["type"] = schemas[first["$ref"].rpartition("/")[2]]["type"]
    return result
