"""Project modules: settings, URLs, the ASGI application, Celery, the private Redis."""

__version__ = "1.0.0"  # of the product. `package.json` repeats it; a test compares them.

from crewops.celery import app as celery_app

__all__ = ["__version__", "celery_app"]
