"""Starting, cancelling and sharing a run from its pages: who may, and who is refused."""

from uuid import uuid4

import pytest
from django.test import Client

from runs.models import Run
from runs.models.control import CONTROL_TEXT_LIMIT
from runs.pages.forms import ControlForm
from runs.tests.scene import client_of, fail, fail_late, page_of
from runs.workspaces import workspace_of

pytestmark = pytest.mark.django_db


def messages(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


class TestStarting:
    def test_an_operator_starts_one_run_however_often_the_form_is_sent(self, acme):
        client, key = client_of(acme.operator), str(uuid4())
        path = f"/crews/{acme.crew.pk}/runs/"
        answers = [client.post(path, {"idempotency_key": key}) for _ in range(2)]
        run = Run.objects.get()
        assert [a.headers["Location"] for a in answers] == [f"/runs/{run.pk}/"] * 2
        assert run.started_by == acme.operator
        client.post(path, {"idempotency_key": str(uuid4())})
        assert Run.objects.count() == 2

    def test_run_again_is_offered_with_a_key_to_who_may_start(self, acme):
        run = acme.start_run()
        fail(run)
        assert 'name="idempotency_key"' in page_of(acme.operator, run)
        assert 'name="idempotency_key"' not in page_of(acme.viewer, run)

    def test_a_refusal_is_shown_on_the_crew_page(self, acme):
        acme.crew.is_active = False
        acme.crew.save()
        response = client_of(acme.operator).post(f"/crews/{acme.crew.pk}/runs/", follow=True)
        assert response.request["PATH_INFO"] == f"/crews/{acme.crew.pk}/"
        assert "deactivated" in messages(response)[0]
        assert not Run.objects.exists()

    def test_a_key_too_long_is_refused(self, acme):
        response = client_of(acme.operator).post(
            f"/crews/{acme.crew.pk}/runs/", {"idempotency_key": "x" * 201}, follow=True
        )
        assert "Reload the page" in messages(response)[0]
        assert not Run.objects.exists()

    @pytest.mark.parametrize(
        ("person", "status"), [("viewer", 403), ("outsider", 404), ("anonymous", 302)]
    )
    def test_nobody_else_starts_runs(self, acme, people, person, status):
        response = client_of(people[person]).post(f"/crews/{acme.crew.pk}/runs/")
        assert response.status_code == status
        assert not Run.objects.exists()


class TestRunningAgain:
    @pytest.fixture
    def ended(self, acme) -> Run:
        run = acme.start_run()
        fail(run)
        workspace_of(run.pk).mkdir(parents=True)
        return run

    @pytest.mark.parametrize("from_failed", ["", "on"])
    def test_an_operator_runs_it_again_once_however_often_the_form_is_sent(
        self, acme, ended, from_failed
    ):
        client = client_of(acme.operator)
        form = {"idempotency_key": str(uuid4()), "from_failed": from_failed}
        answers = [client.post(f"/runs/{ended.pk}/retry/", form) for _ in range(2)]
        retry = Run.objects.exclude(pk=ended.pk).get()
        assert [a.headers["Location"] for a in answers] == [f"/runs/{retry.pk}/"] * 2
        assert (retry.parent, retry.started_by) == (ended, acme.operator)
        assert retry.retry == ("resumed" if from_failed else "again")

    def test_both_runs_lead_to_each_other(self, acme, ended):
        retry = ended.run_again()
        assert f'href="/runs/{ended.pk}/"' in page_of(acme.viewer, retry)
        assert f'href="/runs/{retry.pk}/"' in page_of(acme.viewer, ended)

    def test_who_only_has_the_link_of_one_does_not_see_the_other(self, acme, ended):
        retry = ended.run_again()
        for run, other in ((ended, retry), (retry, ended)):
            run.share(True)
            assert str(other.pk) not in page_of(None, run)

    def test_going_on_is_offered_while_the_workspace_is_there(self, acme, ended):
        assert 'id="resume-form"' in page_of(acme.operator, ended)
        assert 'id="resume-form"' not in page_of(acme.viewer, ended)
        retry = ended.run_again(from_failed=True)
        page = page_of(acme.operator, ended)
        assert 'id="resume-form"' not in page
        assert 'id="again-form"' in page
        assert 'id="again-form"' not in page_of(acme.operator, retry)

    def test_tasks_done_before_are_shown_as_done(self, acme):
        run = acme.start_run()
        fail_late(run)
        workspace_of(run.pk).mkdir(parents=True)
        retry = run.run_again(from_failed=True)
        page = page_of(acme.viewer, retry)
        assert f'id="carried-{run.plan["tasks"][0]["task_id"]}"' in page
        assert "done by an earlier run" in page
        assert "done by an earlier run" not in page_of(acme.viewer, run)

    def test_a_run_that_had_to_start_over_says_so(self, acme, ended):
        workspace_of(ended.pk).rmdir()
        client = client_of(acme.operator)
        response = client.post(f"/runs/{ended.pk}/retry/", {"from_failed": "on"}, follow=True)
        assert "Started over." in response.content.decode()

    def test_a_refusal_is_shown_on_the_run_page(self, acme):
        run = acme.start_run()
        response = client_of(acme.operator).post(f"/runs/{run.pk}/retry/", follow=True)
        assert response.request["PATH_INFO"] == f"/runs/{run.pk}/"
        assert "Wait for its end" in messages(response)[0]
        assert Run.objects.count() == 1

    def test_a_key_too_long_is_refused(self, acme, ended):
        response = client_of(acme.operator).post(
            f"/runs/{ended.pk}/retry/", {"idempotency_key": "x" * 201}, follow=True
        )
        assert "Reload the page" in messages(response)[0]
        assert Run.objects.count() == 1

    @pytest.mark.parametrize(
        ("person", "status"), [("viewer", 403), ("outsider", 404), ("anonymous", 302)]
    )
    def test_nobody_else_runs_it_again(self, acme, ended, people, person, status):
        ended.share(True)
        response = client_of(people[person]).post(f"/runs/{ended.pk}/retry/", {"from_failed": "on"})
        assert response.status_code == status
        assert Run.objects.count() == 1
        assert workspace_of(ended.pk).is_dir()


class TestCancelling:
    @pytest.mark.parametrize("person", ["operator", "admin", "superuser"])
    def test_operators_cancel(self, acme, people, person):
        queued = Run.objects.create(crew=acme.crew)
        running = acme.start_run()
        for run in (queued, running):
            response = client_of(people[person]).post(f"/runs/{run.pk}/cancel/")
            assert response.headers["Location"] == f"/runs/{run.pk}/"
            run.refresh_from_db()
        assert queued.status == Run.Status.CANCELLED
        assert running.cancel_requested
        assert "Being cancelled" in page_of(acme.viewer, running)

    def test_a_run_that_has_ended_stays_as_it_is(self, acme):
        run = acme.start_run()
        fail(run)
        response = client_of(acme.operator).post(f"/runs/{run.pk}/cancel/", follow=True)
        assert messages(response) == ["The run had already ended: failed."]
        run.refresh_from_db()
        assert run.status == Run.Status.FAILED

    @pytest.mark.parametrize(
        ("person", "status"), [("viewer", 403), ("outsider", 404), ("anonymous", 302)]
    )
    def test_nobody_else_cancels_not_even_a_shared_run(self, acme, people, person, status):
        run = acme.start_run()
        run.share(True)
        response = client_of(people[person]).post(f"/runs/{run.pk}/cancel/")
        assert response.status_code == status
        run.refresh_from_db()
        assert not run.cancel_requested

    def test_the_button_is_shown_to_who_may_press_it(self, acme):
        run = acme.start_run()
        assert f"/runs/{run.pk}/cancel/" in page_of(acme.operator, run)
        assert f"/runs/{run.pk}/cancel/" not in page_of(acme.viewer, run)


class TestSharing:
    def test_an_admin_shares_and_stops(self, acme):
        run = acme.start_run()
        client = client_of(acme.admin)
        client.post(f"/runs/{run.pk}/share/", {"public": "on"})
        run.refresh_from_db()
        assert run.is_public
        assert f"http://testserver/runs/{run.pk}/" in page_of(acme.viewer, run)
        client.post(f"/runs/{run.pk}/share/")
        run.refresh_from_db()
        assert not run.is_public
        assert "Public link" not in page_of(acme.viewer, run)

    @pytest.mark.parametrize(
        ("person", "status"),
        [("operator", 403), ("viewer", 403), ("outsider", 404), ("anonymous", 302)],
    )
    def test_nobody_else_shares_or_stops(self, acme, people, person, status):
        run = acme.start_run()
        for public in (False, True):
            run.share(public)
            asked = {} if public else {"public": "on"}
            response = client_of(people[person]).post(f"/runs/{run.pk}/share/", asked)
            assert response.status_code == status
            run.refresh_from_db()
            assert run.is_public is public

    def test_the_button_is_shown_to_who_may_press_it(self, acme):
        run = acme.start_run()
        assert f"/runs/{run.pk}/share/" in page_of(acme.admin, run)
        assert f"/runs/{run.pk}/share/" not in page_of(acme.operator, run)


@pytest.mark.parametrize("act", ["cancel", "share"])
def test_forms_need_the_pages_token_and_a_post(acme, act):
    run = acme.start_run()
    client = Client(enforce_csrf_checks=True)
    client.force_login(acme.admin)
    assert client.post(f"/runs/{run.pk}/{act}/", {"public": "on"}).status_code == 403
    assert client.get(f"/runs/{run.pk}/{act}/").status_code == 405
    run.refresh_from_db()
    assert not run.is_public
    assert not run.cancel_requested


def test_a_line_end_of_a_message_counts_as_one_character():
    """The browser counts it so, and sends two."""
    text = "x" * (CONTROL_TEXT_LIMIT - 2)
    form = ControlForm({"action": "message", "text": f"a\r\n{text}"})
    assert form.is_valid()
    assert form.cleaned_data["text"] == f"a\n{text}"
    assert not ControlForm({"action": "message", "text": f"ab\r\n{text}"}).is_valid()
