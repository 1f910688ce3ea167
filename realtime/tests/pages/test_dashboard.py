"""The dashboard: what each person sees, and that it shows nothing else."""

import re

import pytest

from conftest import make_tenant
from crews.models import Agent, Crew
from realtime.tests.pages.scene import FRAGMENT, MOST_QUERIES, get, queries, text
from runs.models import Run, Worker

pytestmark = pytest.mark.django_db


class TestDashboard:
    def test_shows_every_role_its_organizations_crews_and_runs(self, acme, globex, worker_alive):
        acme.start_run()
        globex.start_run()
        for person in (acme.viewer, acme.operator, acme.admin):
            page = text(get(person, "/"))
            assert "Acme crew" in page
            assert "0 of 2 tasks" in page
            assert "Globex" not in page
            assert page.count('class="run-row"') == 1

    def test_of_an_outsider_is_the_other_organizations(self, acme, globex):
        page = text(get(globex.viewer, "/"))
        assert "Globex crew" in page
        assert "Acme" not in page

    def test_of_a_superuser_names_each_organization(self, acme, globex, superuser):
        page = text(get(superuser, "/"))
        assert "All organizations" in page
        assert re.findall('organization-title">(.*?)<', page) == ["Acme", "Globex"]

    def test_sends_who_is_not_signed_in_to_the_sign_in_page(self, acme):
        response = get(None, "/")
        assert response.status_code == 302
        assert response["Location"] == "/login/?next=/"
        assert get(None, "/", headers=FRAGMENT).status_code == 302

    def test_shows_a_person_without_organization_what_to_do(self, acme, django_user_model):
        page = text(get(django_user_model.objects.create_user("newcomer"), "/"))
        assert "You are not a member of any organization" in page
        assert "<strong>newcomer</strong>" in page
        assert "Acme" not in page

    def test_of_an_organization_without_a_crew_says_so(self, acme):
        Crew.objects.all().delete()
        page = text(get(acme.viewer, "/"))
        assert "Your organization has no crew yet" in page
        assert "not a member" not in page
        assert 'href="/connect/">Connect a program' not in page
        assert 'href="/connect/">Connect a program' in text(get(acme.admin, "/"))

    def test_without_a_worker_it_names_the_command_of_the_site(self, acme, settings):
        settings.START_COMMAND = "make serve"
        page = text(get(acme.viewer, "/"))
        assert "<code>make serve</code>" in page
        assert "make run" not in page

    def test_offers_start_to_operators_only(self, acme, worker_alive):
        action = f'action="/crews/{acme.crew.pk}/runs/"'
        assert action in text(get(acme.operator, "/"))
        assert action in text(get(acme.admin, "/"))
        assert action not in text(get(acme.viewer, "/"))

    @pytest.mark.parametrize("status", ["offline", "available", "busy"])
    def test_shows_the_status_in_colour_and_in_words(self, acme, worker_alive, status):
        if status == "offline":
            acme.crew.is_active = False
            acme.crew.save()
        elif status == "busy":
            acme.start_run()
        else:
            acme.crew.save()  # notices the worker
        badge = f'class="status-badge" data-status="{status}">{status.capitalize()}<'
        page = text(get(acme.viewer, "/"))
        assert badge in page[page.index(f'id="crew-{acme.crew.pk}"') :]

    def test_names_the_command_that_is_missing(self, acme):
        assert "celery -A crewops worker" in text(get(acme.viewer, "/"))
        Worker.objects.beat("w")
        assert "celery -A crewops worker" not in text(get(acme.viewer, "/"))

    def test_says_why_a_run_failed_and_counts_it(self, acme, worker_alive):
        acme.start_run().finish(Run.Status.FAILED, reason="task_failed", message="3 tests failed")
        page = text(get(acme.viewer, "/"))
        assert '<span class="why">3 tests failed</span>' in page
        assert "<b>1</b><span>crew failing" in page
        assert "<b>1</b><span>of them failed" in page

    def test_lists_the_newest_run_first(self, acme):
        runs = [Run.objects.create(crew=acme.crew) for _ in range(3)]
        shown = re.findall('data-run="(.*?)"', text(get(acme.viewer, "/")))
        assert shown == [str(run.pk) for run in reversed(runs)]

    def test_asks_the_same_number_of_questions_for_ten_crews(self, acme):
        acme.start_run()
        Run.objects.create(crew=acme.crew)  # one that waits, as those of the others
        one = queries(acme.viewer, "/")
        for number in range(9):
            crew = Crew.objects.create(
                organization=acme.organization, name=f"Crew {number}", slug=f"crew-{number}"
            )
            Agent.objects.create(crew=crew, name="Lyra", slug="lyra")
            Run.objects.create(crew=crew, started_by=acme.operator)
        assert queries(acme.viewer, "/", at_most=MOST_QUERIES) == one


def test_two_organizations_of_one_person_are_both_shown(acme, globex):
    globex.organization.memberships.create(user=acme.viewer, role="operator")
    Worker.objects.beat("w")
    page = text(get(acme.viewer, "/"))
    assert "Acme crew" in page
    assert "Globex crew" in page
    # In each of them by the role there.
    assert f'action="/crews/{globex.crew.pk}/runs/"' in page
    assert f'action="/crews/{acme.crew.pk}/runs/"' not in page


def test_a_third_organization_changes_nothing(acme):
    before = text(get(acme.viewer, "/"))
    make_tenant("initech")
    assert text(get(acme.viewer, "/")) == before
