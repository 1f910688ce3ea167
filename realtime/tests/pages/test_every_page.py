"""Every live page: scripts, caches, methods, and removed access."""

import re

import pytest
from django.test import Client

from realtime.tests.pages.scene import crew_path, get, text

pytestmark = pytest.mark.django_db


class TestEveryPage:
    def paths(self, tenant) -> list[str]:
        return ["/", crew_path(tenant), "/nowhere/"]

    def test_allows_scripts_by_origin_and_nonce_alone(self, acme):
        for path in self.paths(acme):
            response = get(acme.viewer, path)
            policy = response["Content-Security-Policy"]
            scripts = next(rule for rule in policy.split("; ") if rule.startswith("script-src"))
            nonce = re.search("'nonce-(.+?)'", scripts)[1]
            page = response.content.decode()
            assert "unsafe" not in scripts
            for script in re.findall("<script[^>]*>", page):
                assert "src=" in script or "application/json" in script or nonce in script
            assert not re.search(r"\son\w+=|javascript:", page)

    def test_is_kept_by_no_cache(self, acme):
        for path in ("/", crew_path(acme)):
            assert "no-store" in get(acme.viewer, path)["Cache-Control"]

    def test_only_answers_to_reading(self, acme):
        client = Client()
        client.force_login(acme.admin)
        for path in ("/", crew_path(acme)):
            assert client.post(path).status_code == 405
            assert client.get(path).status_code == 200

    def test_links_the_admin_for_staff_only(self, acme, superuser):
        assert 'href="/admin/"' in text(get(superuser, "/"))
        assert 'href="/admin/"' not in text(get(acme.admin, "/"))

    def test_is_gone_for_a_deactivated_user_and_a_former_member(self, acme):
        client = Client()
        client.force_login(acme.viewer)
        assert client.get(crew_path(acme)).status_code == 200
        acme.viewer.memberships.all().delete()
        assert client.get(crew_path(acme)).status_code == 404
        acme.viewer.is_active = False
        acme.viewer.save()
        assert client.get(crew_path(acme)).status_code == 302
