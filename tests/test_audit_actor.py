"""Requests that are answered at the same moment are each recorded under their own user."""

import asyncio
import threading

import httpx
import pytest
from django.core.asgi import get_asgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.tokens import AccessToken

from crews import audit_actor as actor
from crews.audit_actor import current_actor
from crews.models import AuditEntry, Organization

PEOPLE = ("acme-admin", "acme-operator", "globex-admin", "globex-viewer")
WAIT_S = 20.0

everybody_is_inside = threading.Barrier(len(PEOPLE))


@csrf_exempt
def write(request: HttpRequest) -> HttpResponse:
    """Waits until all requests are inside views of theirs, and writes then."""
    everybody_is_inside.wait(WAIT_S)
    Organization.objects.create(name=request.user.get_username(), slug=f"by-{request.user.pk}")
    connection.close()  # of a thread that ends with the request
    return HttpResponse()


class WriteView(APIView):
    def post(self, request: Request) -> Response:
        write(request)
        return Response()


urlpatterns = [path("page/", write), path("api/", WriteView.as_view())]


@pytest.fixture
def ask_all_at_once(settings, acme, globex):
    """Asks as two people with sessions and two with tokens; returns the names in each entry."""
    settings.ROOT_URLCONF = __name__
    everybody_is_inside.reset()
    users = [getattr(t, name.partition("-")[2]) for t in (acme, globex) for name in PEOPLE
             if name.startswith(t.organization.slug)]  # fmt: skip
    requests = []
    for user, kind in zip(users, ("page", "api") * 2, strict=True):
        if kind == "api":
            headers = {"Authorization": f"Bearer {AccessToken.for_user(user)}"}
        else:
            client = Client()
            client.force_login(user)
            headers = {"Cookie": f"sessionid={client.cookies['sessionid'].value}"}
        requests.append((f"/{kind}/", headers))

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(get_asgi_application())
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            asked = (client.post(path, headers=headers) for path, headers in requests)
            return await asyncio.gather(*asked)

    def recorded() -> list[tuple[str, str, str]]:
        assert [response.status_code for response in asyncio.run(ask())] == [200] * len(PEOPLE)
        entries = AuditEntry.objects.filter(kind="organization.created", way__in=("page", "api"))
        return [(entry.actor_name, entry.object_name, entry.way) for entry in entries]

    return recorded


@pytest.mark.django_db(transaction=True)
def test_each_is_recorded_under_its_own_user_and_way(ask_all_at_once):
    assert sorted(ask_all_at_once()) == [
        ("acme-admin", "acme-admin", "page"),
        ("acme-operator", "acme-operator", "api"),
        ("globex-admin", "globex-admin", "page"),
        ("globex-viewer", "globex-viewer", "api"),
    ]


@pytest.mark.django_db(transaction=True)
def test_with_one_variable_for_all_they_would_be_mixed_up(ask_all_at_once, monkeypatch):
    class Shared:
        value = None

        def set(self, value):
            self.value = value

        def get(self):
            return self.value

        def reset(self, token):
            """Nobody resets what others use."""

    monkeypatch.setattr(actor, "_request", Shared())
    recorded = ask_all_at_once()
    assert len({name for name, _, _ in recorded}) == 1
    assert len({name for _, name, _ in recorded}) == len(PEOPLE)


def test_after_a_request_nobody_acts_any_more(acme, client):
    client.force_login(acme.viewer)
    assert client.get("/").status_code == 200
    assert current_actor().user_id is None
    assert current_actor().way == "system"


def test_a_thread_of_its_own_acts_for_nobody(acme):
    request = HttpRequest()
    request.user = acme.viewer
    seen = []
    with actor.acting_through(request):
        assert current_actor().user_id == acme.viewer.pk
        thread = threading.Thread(target=lambda: seen.append(current_actor().user_id))
        thread.start()
        thread.join()
    assert seen == [None]
