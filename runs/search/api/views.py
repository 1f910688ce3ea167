"""``GET /api/search/``"""

from typing import Any

from django.core.exceptions import ValidationError as FormError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import generics, serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from runs.models import Run
from runs.search.forms import SearchForm
from runs.search.models import Document
from runs.search.query import QUERY_LIMIT
from runs.search.results import Result, results


class PieceSerializer(serializers.Serializer):
    text = serializers.CharField()
    is_match = serializers.BooleanField(help_text="Whether this is what was looked for.")


class SearchResultSerializer(serializers.Serializer):
    """A run, a tool call or a model call that matches."""

    kind = serializers.ChoiceField(Document.Kind.choices)
    id = serializers.UUIDField(
        source="document.object_id", help_text="Of the run, the tool execution or the model call."
    )
    run_id = serializers.UUIDField(source="document.run_id")
    crew_id = serializers.UUIDField(source="document.crew_id")
    crew = serializers.CharField(source="document.run.crew_name")
    run_status = serializers.ChoiceField(Run.Status.choices, source="document.run.status")
    status = serializers.ChoiceField(Document.Outcome.choices, source="document.outcome")
    name = serializers.CharField(
        source="document.name", help_text="Of the tool, the model or the crew."
    )
    task = serializers.CharField(source="document.task")
    agent_id = serializers.CharField(source="document.agent_id")
    ended_at = serializers.DateTimeField(source="document.ended_at")
    snippet = PieceSerializer(
        many=True, help_text="A passage of the text, as pieces of plain text."
    )
    page = serializers.SerializerMethodField(help_text="The address of this on the run's page.")

    def get_page(self, result: Result) -> str:
        return self.context["request"].build_absolute_uri(result.document.get_absolute_url())


class SearchResultsSerializer(serializers.Serializer):
    next = serializers.URLField(
        allow_null=True, help_text="The next page; null: this is the last one."
    )
    results = SearchResultSerializer(many=True)


def _parameter(name: str, description: str, **options: Any) -> OpenApiParameter:
    return OpenApiParameter(name, description=description, **options)


class SearchView(generics.GenericAPIView):
    """Finds runs, tool calls and model calls of your organizations by their text, newest first.

    The text is what the run's page shows: names, parameters, messages, output, and the prompts
    and answers of models. A call is found some seconds after its end. All words must occur. Each
    is the beginning of a word. `"Words in quotes"` are exact.
    """

    serializer_class = SearchResultsSerializer
    filter_backends = ()
    pagination_class = None

    @extend_schema(
        parameters=[
            _parameter("q", f"What to look for, at most {QUERY_LIMIT} characters."),
            _parameter("crew", "Only of this crew.", type=OpenApiTypes.UUID),
            _parameter("run", "Only of this run.", type=OpenApiTypes.UUID),
            _parameter("kind", "Only of this kind.", enum=Document.Kind.values),
            _parameter("status", "Only what ended so.", enum=Document.Outcome.values),
            _parameter("since", "A day or a time: what ended from then on."),
            _parameter(
                "until", "A day or a time: what ended until the end of this day, or before."
            ),
            _parameter("cursor", "Where to go on; it stands in the `next` of a page."),
        ],
        responses={
            200: SearchResultsSerializer,
            400: OpenApiResponse(description="The query or a filter cannot be used."),
        },
    )
    def get(self, request: Request) -> Response:
        form = SearchForm(request.query_params, user=request.user)
        if not form.is_valid():
            raise _refusal(form)
        found = results(request.user, form)
        url = request.build_absolute_uri()
        following = found.cursor and replace_query_param(url, "cursor", found.cursor)
        return Response(self.get_serializer({"next": following, "results": found}).data)


def _refusal(form: SearchForm) -> ValidationError:
    errors: dict[str, list[FormError]] = form.errors.as_data()
    return ValidationError(
        {
            name: [
                serializers.ErrorDetail(text, code=error.code or "invalid")
                for error in found
                for text in error.messages
            ]
            for name, found in errors.items()
        }
    )
