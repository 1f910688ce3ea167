from collections.abc import Callable
from typing import ClassVar
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from crews.lookups import record_or_404
from crews.models import Crew
from crews.scoping import ScopedQuerySet
from realtime.api import pages
from realtime.api.serializers import EventPageSerializer, PositionSerializer
from realtime.log import streams
from runs.models import Run


class _EventsView(APIView):
    owners: ClassVar[ScopedQuerySet]
    stream: ClassVar[Callable[[UUID], str]]  # the name of an owner's stream

    @extend_schema(parameters=[PositionSerializer], responses=EventPageSerializer)
    def get(self, request: Request, pk: UUID) -> HttpResponse:
        owner = record_or_404(self.owners.visible_to(request.user), pk)
        given = {name: text for name, text in request.query_params.items() if text}
        position = PositionSerializer(data=given)
        position.is_valid(raise_exception=True)
        asked = {"since": None, "epoch": None} | position.validated_data
        page = pages.read(self.stream(owner.pk), **asked)
        return HttpResponse(page.text(), content_type="application/json")


class RunEventsView(_EventsView):
    """The events of a run: `boot` first, `done` last."""

    owners = Run.objects.select_related("crew")
    stream = staticmethod(streams.run)


class CrewEventsView(_EventsView):
    """The events of the tools that the crew's runs use."""

    owners = Crew.objects.all()
    stream = staticmethod(streams.graph)
