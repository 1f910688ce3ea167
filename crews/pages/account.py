"""The Account page: user, roles, a form for a new password, and the version of CrewOps."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from crews.pages.decorators import require_GET_or_POST


class PasswordForm(PasswordChangeForm):
    """Checks the present password as signing in does: wrong ones count for the same limits."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request.user, *args, **kwargs)
        self._request = request

    def clean_old_password(self) -> str:
        password = self.cleaned_data["old_password"]
        name = self.user.get_username()
        if authenticate(self._request, username=name, password=password) != self.user:
            raise forms.ValidationError(
                "This is not your present password. After many tries, wait a while."
            )
        return password


@sensitive_post_parameters()
@never_cache
@login_required
@require_GET_or_POST
def account(request: HttpRequest) -> HttpResponse:
    """Show the user's roles. A POST changes the password.

    It ends the user's other sessions, tokens and sockets, as every change of a password does.
    """
    form, status = PasswordForm(request, request.POST or None), 200
    if request.method == "POST":
        if form.is_valid():
            update_session_auth_hash(request, form.save())
            messages.success(
                request, "Your password is changed. You are signed out everywhere but here."
            )
            return redirect("account")
        status = 400
    roles = request.user.memberships.filter(organization__deleted_at=None)
    context = {
        "form": form,
        "memberships": roles.select_related("organization"),
        "version": settings.CREWOPS_VERSION,
    }
    return render(request, "crews/account.html", context, status=status)
