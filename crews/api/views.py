from django.db.models import Prefetch, QuerySet
from rest_framework import generics
from structlog.contextvars import bind_contextvars

from crews.api.serializers import CrewSerializer
from crews.models import Crew, Task


class _Crews(generics.GenericAPIView):
    serializer_class = CrewSerializer
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Crew]:
        return (
            Crew.objects.visible_to(self.request.user)
            .select_related("organization")
            .prefetch_related(
                "agents", Prefetch("tasks", queryset=Task.objects.select_related("agent"))
            )
        )


class CrewListView(_Crews, generics.ListAPIView):
    """The crews you can see, by name."""

    ordering = ("name", "id")


class CrewView(_Crews, generics.RetrieveAPIView):
    """One crew with its agents and tasks."""

    def get_object(self) -> Crew:
        crew = super().get_object()
        bind_contextvars(**crew.log_ids)
        return crew
