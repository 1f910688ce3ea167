"""The OpenAPI description says what the API does, and its page works offline."""

import re
from collections.abc import Iterator

import jsonschema
import pytest
from django.conf import settings
from django.core.management import call_command
from django.urls import reverse


@pytest.fixture
def schema(client) -> dict:
    response = client.get("/api/schema/")
    assert response.headers["Content-Type"] == "application/vnd.oai.openapi+json"
    return response.json()


def test_it_is_valid_and_generated_without_a_warning(tmp_path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema"))
    assert (tmp_path / "schema").stat().st_size


def test_it_lists_the_calls_of_the_contract(schema):
    calls = {
        f"{method.upper()} {path}" for path, item in schema["paths"].items() for method in item
    }
    assert calls == {
        "GET /api/organizations/{slug}/api-keys/",
        "POST /api/organizations/{slug}/api-keys/",
        "GET /api/organizations/{slug}/api-keys/{id}/",
        "DELETE /api/organizations/{slug}/api-keys/{id}/",
        "POST /api/report/",
        "POST /api/report/approvals/",
        "POST /api/report/claude-code/",
        "POST /api/token/",
        "POST /api/token/refresh/",
        "POST /api/token/revoke/",
        "GET /api/crews/",
        "GET /api/crews/{id}/",
        "POST /api/crews/{id}/runs/",
        "GET /api/crews/{id}/events/",
        "GET /api/crews/{id}/budget/",
        "GET /api/crews/{id}/usage/",
        "GET /api/crews/{id}/schedule/",
        "PUT /api/crews/{id}/schedule/",
        "DELETE /api/crews/{id}/schedule/",
        "GET /api/organizations/{slug}/audit/",
        "GET /api/approvals/",
        "GET /api/approvals/{id}/",
        "POST /api/approvals/{id}/",
        "GET /api/organizations/{slug}/approval-rules/",
        "POST /api/organizations/{slug}/approval-rules/",
        "GET /api/organizations/{slug}/approval-rules/{id}/",
        "PATCH /api/organizations/{slug}/approval-rules/{id}/",
        "DELETE /api/organizations/{slug}/approval-rules/{id}/",
        "GET /api/organizations/{slug}/secrets/",
        "POST /api/organizations/{slug}/secrets/",
        "GET /api/organizations/{slug}/secrets/{name}/",
        "PUT /api/organizations/{slug}/secrets/{name}/",
        "DELETE /api/organizations/{slug}/secrets/{name}/",
        "GET /api/organizations/{slug}/notifications/",
        "POST /api/organizations/{slug}/notifications/",
        "GET /api/organizations/{slug}/notifications/{id}/",
        "DELETE /api/organizations/{slug}/notifications/{id}/",
        "POST /api/organizations/{slug}/notifications/{id}/test/",
        "GET /api/organizations/{slug}/notifications/{id}/deliveries/",
        "POST /api/deliveries/{id}/send-again/",
        "GET /api/runs/",
        "GET /api/runs/{id}/",
        "POST /api/runs/{id}/cancel/",
        "GET /api/runs/{id}/budget/",
        "GET /api/runs/{id}/controls/",
        "POST /api/runs/{id}/controls/",
        "POST /api/runs/{id}/retry/",
        "GET /api/runs/{id}/events/",
        "GET /api/runs/{id}/model-calls/",
        "GET /api/search/",
        "GET /api/tool-executions/{id}/output/",
    }


def test_it_says_where_the_site_is_and_what_needs_no_token(schema):
    assert [server["url"] for server in schema["servers"]] == ["/"]
    open_to_all = {
        path
        for path, item in schema["paths"].items()
        for operation in item.values()
        if operation["security"] == []
    }
    assert open_to_all == {"/api/token/", "/api/token/refresh/", "/api/token/revoke/"}


def test_what_may_be_null_has_a_type(schema):
    def nullables(part) -> Iterator[dict]:
        if isinstance(part, dict):
            if part.get("nullable"):
                yield part
            part = list(part.values())
        for member in part if isinstance(part, list) else []:
            yield from nullables(member)

    found = list(nullables(schema))
    assert schema["components"]["schemas"]["EventPage"]["properties"]["reset"] in found
    assert [part for part in found if "type" not in part] == []


def test_what_is_made_has_an_address(schema, acme, api):
    made = {
        f"{method} {path}": operation["responses"]["201"]["headers"]
        for path, item in schema["paths"].items()
        for method, operation in item.items()
        if "201" in operation["responses"]
    }
    assert len(made) == 7
    assert all(headers["Location"]["required"] for headers in made.values())
    client = api(acme.admin)
    secret = {"name": "s", "host": "github.com", "value": "a secret value"}
    run = acme.start_run()
    run.finish("failed")
    for path, body in (
        ("/api/organizations/acme/secrets/", secret),
        ("/api/organizations/acme/api-keys/", {"name": "k", "scopes": ["watch"]}),
        (f"/api/crews/{acme.crew.pk}/runs/", {}),
        (f"/api/runs/{run.pk}/retry/", {}),
    ):
        response = client.post(path, body, format="json")
        assert response.status_code == 201, response.content
        assert client.get(response.headers["Location"]).status_code == 200


def test_a_key_of_idempotency_is_described_as_it_is_read(schema):
    (key,) = (
        parameter["schema"]
        for parameter in schema["paths"]["/api/crews/{id}/runs/"]["post"]["parameters"]
        if parameter["name"] == "Idempotency-Key"
    )
    assert re.search(key["pattern"], "k-1!")
    for bad in ("a b", "", "k" * 201, "\xe9"):
        assert not re.search(key["pattern"], bad)


def test_answers_are_as_described(schema, acme, api):
    run = acme.start_run()
    acme.keep_secret()
    answers = {
        "PaginatedCrewList": "/api/crews/",
        "Crew": f"/api/crews/{acme.crew.pk}/",
        "PaginatedAuditEntryList": "/api/organizations/acme/audit/",
        "PaginatedSecretList": "/api/organizations/acme/secrets/",
        "Secret": "/api/organizations/acme/secrets/acme-deploy/",
        "PaginatedRunList": "/api/runs/",
        "RunDetail": f"/api/runs/{run.pk}/",
        "EventPage": f"/api/runs/{run.pk}/events/",
        "PaginatedModelCallList": f"/api/runs/{run.pk}/model-calls/",
        "CrewBudget": f"/api/crews/{acme.crew.pk}/budget/",
        "RunBudget": f"/api/runs/{run.pk}/budget/",
        "CrewUsage": f"/api/crews/{acme.crew.pk}/usage/",
        "Problem": "/api/runs/?status=none",
    }
    for name, path in answers.items():
        described = {"$ref": f"#/components/schemas/{name}", **_nullable(schema)}
        jsonschema.validate(api(acme.admin).get(path).json(), described)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({}, described)


def test_the_page_keeps_the_content_security_policy_and_needs_nobody_elses_server(client):
    page = client.get(reverse("api-docs"))
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    scripts = re.findall(r"<script[^>]*>", page.content.decode())
    assert len(scripts) == 3
    urls = re.findall(r'(?:src|href)="([^"]*)"', page.content.decode())
    assert reverse("dashboard") in urls
    for url in urls:
        assert url == reverse("dashboard") or url.startswith((settings.STATIC_URL, "/api/docs/"))
    assert client.get("/api/docs/?script=").headers["Content-Type"].startswith("application/java")


def _nullable(schema: dict) -> dict:
    """OpenAPI 3.0 writes ``nullable``; JSON Schema a list of types."""
    if isinstance(schema, list):
        return [_nullable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: _nullable(value) for key, value in schema.items()}
    if schema.pop("nullable", False) and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    return schema
