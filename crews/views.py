"""Sign-in."""

from typing import Any

from django.conf import settings
from django.contrib.auth import views


class LoginView(views.LoginView):
    """The sign-in page. In development it shows how to sign in to the demo."""

    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        demo = {"demo_password": settings.DEMO_PASSWORD if settings.DEBUG else ""}
        return super().get_context_data(**kwargs) | demo
