"""The version of the product: where it is stated, and where it is shown."""

import json

from django.conf import settings

import crewops


def test_package_json_has_the_same_version():
    package = json.loads((settings.BASE_DIR / "package.json").read_text())
    assert package["version"] == crewops.__version__


def test_the_description_of_the_api_has_it(client, db):
    assert client.get("/api/schema/").json()["info"]["version"] == crewops.__version__


def test_the_account_page_shows_it(acme, client):
    client.force_login(acme.viewer)
    assert f"CrewOps {crewops.__version__}" in client.get("/account/").content.decode()
    client.logout()
    assert crewops.__version__ not in client.get("/", follow=True).content.decode()
