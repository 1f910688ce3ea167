"""The HTTP API and its schema."""

from uuid import UUID

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "crews.tokens.AccessTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["crewops.api.throttling.CallLimit"],
    "DEFAULT_PARSER_CLASSES": ["crewops.api.bodies.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_FILTER_BACKENDS": ["crewops.api.filters.QueryFilter"],
    "DEFAULT_PAGINATION_CLASS": "crewops.api.pagination.CursorPagination",
    "DEFAULT_METADATA_CLASS": None,  # the schema describes the API; OPTIONS answers 405
    "DEFAULT_SCHEMA_CLASS": "crewops.api.schema.AutoSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "crewops.api.problems.Handler",
    "EXCEPTION_FORMATTER_CLASS": "crewops.api.problems.Formatter",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "CrewOps",
    "DESCRIPTION": "Mission control for crews of AI agents.",
    "VERSION": "1",
    "SERVERS": [{"url": "/", "description": "The site that serves this description."}],
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "crewops.api.schema.type_nullable",
    ],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "PATH_CONVERTER_OVERRIDES": {"id": UUID},
    "ENUM_NAME_OVERRIDES": {
        "CrewStatus": "crews.models.Crew.Status",
        "RunStatus": "runs.models.Run.Status",
        "ToolStatus": "runs.models.ToolExecution.Status",
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # bytes of a request's body, files apart
