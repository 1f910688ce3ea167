"""Advice for a site without a crew. It depends on who can create one."""

from django.conf import settings
from django.contrib.auth import get_user_model


def advice() -> str:
    """One or two sentences for a person at the command line."""
    if settings.DEBUG:
        return "There is no crew yet. Make the demo's with: manage.py seed_demo"
    superusers = get_user_model().objects.filter(is_superuser=True, is_active=True)
    if name := superusers.order_by("pk").values_list("username", flat=True).first():
        return (
            f"There is no crew yet. Sign in to {site()} as {name}: the first page leads to the "
            "first organization and crew."
        )
    return (
        "There is no crew yet, and nobody who may make one. "
        f"Run manage.py createsuperuser, then sign in to {site()}: "
        "the first page leads to the first organization and crew."
    )


def no_user(username: str) -> str:
    demo = ", or make the demo's with seed_demo" if settings.DEBUG else ""
    return f"There is no user {username!r}. Create one in the admin or with createsuperuser{demo}."


def site() -> str:
    return next(iter(settings.ALLOWED_ORIGINS), f"http://localhost:{settings.PORT}")
