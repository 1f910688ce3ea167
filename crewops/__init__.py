"""Project modules: settings, URLs, the ASGI application, Celery, the private Redis."""

from crewops.celery import app as celery_app

__all__ = ["celery_app"]
