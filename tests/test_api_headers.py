"""What answers of the API say of caching, of methods and of wrong hosts."""

import pytest
from django.test import Client
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from tests import plain_http
from tests.live import Web

READ = [
    "/api/crews/",
    "/api/crews/{crew}/",
    "/api/runs/?page_size=1",
    "/api/runs/{run}/",
    "/api/runs/{run}/events/",
    "/api/crews/{crew}/events/",
    "/api/organizations/acme/audit/",
    "/api/organizations/acme/secrets/",
    "/api/schema/",
]


@pytest.fixture
def path(acme):
    run = acme.start_run()
    run.finish("failed")  # the duration of a run under way grows
    return lambda text: text.format(crew=acme.crew.pk, run=run.pk)


@pytest.mark.parametrize("url", READ)
def test_what_is_read_is_private_asked_for_again_and_answered_304(acme, api, path, url):
    client, url = api(acme.admin), path(url)
    acme.start_run().finish("failed")  # so that the list of runs has a second page
    first = client.get(url)
    assert first.status_code == 200
    directives = set(first.headers["Cache-Control"].split(", "))
    assert directives == {"private", "no-cache"}
    assert {"Authorization", "Cookie"} <= set(first.headers["Vary"].split(", "))
    again = client.get(url, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert client.get(url, headers={"If-None-Match": '"other"'}).content == first.content


def test_a_change_changes_the_tag(acme, api):
    client = api(acme.admin)
    first = client.get("/api/crews/")
    acme.crew.name = "Another"
    acme.crew.save()
    again = client.get("/api/crews/", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 200
    assert again.headers["ETag"] != first.headers["ETag"]


def test_another_users_answer_is_not_mine(acme, globex, api):
    """The tag is of the content, so a foreign one never stands for what I may not see."""
    tag = api(acme.admin).get("/api/crews/").headers["ETag"]
    assert api(globex.admin).get("/api/crews/", headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize(
    ("method", "url", "status"),
    [
        ("GET", "/api/nowhere/", 404),
        ("GET", "/api/runs/?status=x", 400),
        ("POST", "/api/crews/{crew}/runs/", 201),
        ("POST", "/api/runs/{run}/cancel/", 202),
        ("DELETE", "/api/crews/", 405),
        ("POST", "/api/token/", 400),
    ],
)
def test_any_other_answer_is_not_kept(acme, api, path, method, url, status):
    response = api(acme.admin).generic(method, path(url))
    assert response.status_code == status
    assert "no-store" in response.headers["Cache-Control"]
    assert "ETag" not in response.headers


def test_an_answer_to_nobody_is_not_kept(db):
    assert APIClient().get("/api/crews/").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("/api/crews/", "GET, HEAD"),
        ("/api/token/", "POST"),
        ("/api/organizations/acme/secrets/", "GET, POST, HEAD"),
        ("/api/organizations/acme/secrets/acme-deploy/", "GET, PUT, DELETE, HEAD"),
        ("/api/schema/", "GET, HEAD"),
    ],
)
def test_allow_lists_what_does_not_answer_405(acme, api, url, allowed):
    acme.keep_secret()
    client = api(acme.admin)
    refused = client.options(url)
    assert (refused.status_code, refused.headers["Allow"]) == (405, allowed)
    for method in allowed.split(", "):
        assert client.generic(method, url).status_code != 405


@pytest.mark.django_db(transaction=True)
def test_a_wrong_host_is_a_problem_below_api(web: Web, acme):
    headers = {
        "Host": "other.example",
        "Authorization": f"Bearer {AccessToken.for_user(acme.viewer)}",
    }
    for url in ("/api/crews/", "/api/nowhere", "/api/token/"):
        response = plain_http.get(f"{web.origin}{url}", headers=headers)
        assert response.status_code == 400
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.json()["code"] == "bad_host"
        assert "ALLOWED_HOSTS" in response.json()["detail"]
    assert plain_http.get(f"{web.origin}/", headers=headers).status_code == 400


@pytest.mark.parametrize("url", ["/healthz", "/readyz", "/metrics"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_what_is_only_read_refuses_another_method_by_its_name(url, method):
    response = Client(enforce_csrf_checks=True).generic(method, url)
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD")
