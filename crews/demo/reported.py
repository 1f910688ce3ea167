"""Which crew the demo program reports, and whether the pages offer to start the program."""

from typing import TypeVar

from django.conf import settings

from crews.demo.content import REPORTED_CREW
from crews.models import Crew
from crews.scoping import ScopedQuerySet

Crews = TypeVar("Crews", bound=ScopedQuerySet)


def demo_crews(crews: Crews) -> Crews:
    """Those of ``crews`` that the demo program reports: one, or none without the demo."""
    return crews.filter(organization__slug=REPORTED_CREW.organization, slug=REPORTED_CREW.slug)


def is_offered_for(crew: Crew) -> bool:
    """Whether the demo is on and its program reports ``crew``."""
    names = (crew.organization.slug, crew.slug)
    return settings.DEBUG and names == (REPORTED_CREW.organization, REPORTED_CREW.slug)
