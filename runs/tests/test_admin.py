"""Runs in the admin: looked at, started and cancelled by the verbs, and never edited."""

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from realtime.models import Event
from runs.models import Run
from runs.workspaces import workspace_of
from tests.admin import SECRET, World, answer, clients, url

SUBMIT = {"_form_submitted": "on"}


@pytest.fixture
def staff(acme, globex, superuser):
    return clients(acme, globex, superuser)


def messages(response) -> str:
    return " ".join(map(str, get_messages(response.wsgi_request)))


@pytest.mark.parametrize("person", ["superuser", "admin", "operator"])
def test_starting_asks_first_and_then_requests_a_run(acme, staff, worker_alive, person):
    path = url("crews_crew_start_run", acme.crew.pk)
    assert "Start a run?" in staff[person].get(path).content.decode()
    assert not Run.objects.exists()
    response = staff[person].post(path, SUBMIT)
    run = Run.objects.get()
    assert response.headers["Location"] == url("runs_run_change", run.pk)
    assert run.started_by.pk == int(staff[person].session["_auth_user_id"])
    assert Event.objects.filter(stream_id=f"run:{run.pk}", type="boot").exists()


@pytest.mark.parametrize("person", ["viewer", "outsider", "homeless"])
def test_starting_is_refused_to_those_who_may_not(acme, staff, person):
    assert staff[person].post(url("crews_crew_start_run", acme.crew.pk), SUBMIT).status_code == 403
    assert not Run.objects.exists()


def test_a_crew_that_cannot_start_says_why(acme, staff):
    acme.crew.is_active = False
    acme.crew.save()
    response = staff["operator"].post(url("crews_crew_start_run", acme.crew.pk), SUBMIT)
    assert response.headers["Location"] == url("crews_crew_change", acme.crew.pk)
    assert "is deactivated" in messages(response)
    assert not Run.objects.exists()


def test_a_dialog_is_answered_with_where_to_go(acme, staff):
    path = url("crews_crew_start_run", acme.crew.pk)
    response = staff["operator"].post(path, SUBMIT, headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert response.headers["HX-Redirect"] == url("runs_run_change", Run.objects.get().pk)


@pytest.mark.parametrize("view", ["crews_crew_start_run", "runs_run_cancel"])
def test_a_form_of_another_site_starts_and_cancels_nothing(acme, staff, view):
    run = acme.start_run()
    client = Client(enforce_csrf_checks=True)
    client.force_login(acme.operator)
    path = url(view, {"crews_crew_start_run": acme.crew.pk, "runs_run_cancel": run.pk}[view])
    assert client.post(path, SUBMIT).status_code == 403
    assert client.get(path, SUBMIT).status_code == 200
    run.refresh_from_db()
    assert (Run.objects.count(), run.cancel_requested) == (1, False)


@pytest.mark.parametrize("person", ["superuser", "admin", "operator"])
def test_cancelling_asks_first_and_then_cancels(acme, staff, person):
    run = acme.start_run()
    path = url("runs_run_cancel", run.pk)
    assert "Cancel this run?" in staff[person].get(path).content.decode()
    run.refresh_from_db()
    assert not run.cancel_requested
    response = staff[person].post(path, SUBMIT)
    assert "is cancelled" in messages(response)
    run.refresh_from_db()
    assert run.cancel_requested


@pytest.mark.parametrize("person", ["viewer", "outsider", "homeless"])
def test_cancelling_is_refused_to_those_who_may_not(acme, staff, person):
    run = acme.start_run()
    assert staff[person].post(url("runs_run_cancel", run.pk), SUBMIT).status_code == 403
    run.refresh_from_db()
    assert not run.cancel_requested


def test_cancelling_is_offered_while_there_is_something_to_cancel(acme, staff):
    run = acme.start_run()
    page, cancel = url("runs_run_change", run.pk), url("runs_run_cancel", run.pk)
    assert cancel in staff["operator"].get(page).content.decode()
    assert cancel not in staff["viewer"].get(page).content.decode()
    run.finish("succeeded")
    assert cancel not in staff["operator"].get(page).content.decode()
    assert "had ended already: Succeeded" in messages(staff["operator"].post(cancel, SUBMIT))


@pytest.mark.parametrize(("view", "retry"), [("run_again", "again"), ("resume", "resumed")])
def test_an_ended_run_is_run_again(acme, staff, view, retry):
    run = acme.start_run()
    page, path = url("runs_run_change", run.pk), url(f"runs_run_{view}", run.pk)
    assert path not in staff["operator"].get(page).content.decode()
    assert "Wait for its end" in messages(staff["operator"].post(path, SUBMIT))
    run.finish("failed")
    workspace_of(run.pk).mkdir(parents=True)
    assert path in staff["operator"].get(page).content.decode()
    assert path not in staff["viewer"].get(page).content.decode()
    response = staff["operator"].post(path, SUBMIT)
    again = Run.objects.exclude(pk=run.pk).get()
    assert response.headers["Location"] == url("runs_run_change", again.pk)
    assert (again.parent, again.retry, again.started_by) == (run, retry, acme.operator)
    assert page in staff["viewer"].get(response.headers["Location"]).content.decode()


@pytest.mark.parametrize("person", ["viewer", "outsider", "homeless"])
@pytest.mark.parametrize("view", ["run_again", "resume"])
def test_running_again_is_refused_to_those_who_may_not(acme, staff, person, view):
    run = acme.start_run()
    run.finish("failed")
    assert staff[person].post(url(f"runs_run_{view}", run.pk), SUBMIT).status_code == 403
    assert Run.objects.count() == 1


def test_the_live_page_is_a_click_away(acme, staff):
    run = acme.start_run()
    for view, record in (("runs_run", run), ("crews_crew", acme.crew)):
        response = staff["viewer"].get(url(f"{view}_open_live_page", record.pk))
        assert response.headers["Location"] == record.get_absolute_url()


@pytest.mark.parametrize("path", ["not-a-uuid", "00000000-0000-0000-0000-000000000000"])
def test_an_action_on_no_run_is_refused(staff, path):
    assert staff["superuser"].post(url("runs_run_cancel", path), SUBMIT).status_code == 403


def test_a_run_and_its_tools_are_read_and_not_written(acme, staff):
    world = World(acme)
    tool = world.records["runs.toolexecution"]
    page = staff["viewer"].get(url("runs_run_change", world.run.pk)).content.decode()
    assert "Orion works" in page
    assert url("runs_toolexecution_change", tool.pk) in page
    tool_page = staff["viewer"].get(url("runs_toolexecution_change", tool.pk)).content.decode()
    assert f"{SECRET} of acme" in tool_page
    for view, record in (("runs_run_change", world.run), ("runs_toolexecution_change", tool)):
        response = staff["superuser"].post(url(view, record.pk), {"status": "succeeded"})
        assert response.status_code == 403
        record.refresh_from_db()
        assert record.status == "running"


def test_output_is_text_and_its_end_is_shown(acme, staff):
    tool = World(acme).records["runs.toolexecution"]
    tool.report(output="<script>alert(1)</script>" + "x" * 30_000 + "the end")
    page = staff["viewer"].get(url("runs_toolexecution_change", tool.pk)).content.decode()
    assert "the end" in page
    assert "characters before this are on the live page" in page
    tool.report(output="<script>alert(2)</script>")
    page = staff["viewer"].get(url("runs_toolexecution_change", tool.pk)).content.decode()
    assert "&lt;script&gt;alert(2)" in page
    assert "<script>alert" not in page


def test_a_superuser_deletes_a_run_once_it_is_over(acme, staff):
    run = acme.start_run()
    path = url("runs_run_delete", run.pk)
    selected = {"action": "delete_selected", "_selected_action": str(run.pk), "post": "yes"}
    assert staff["superuser"].post(path, {"post": "yes"}).status_code == 403
    assert staff["superuser"].post(url("runs_run_changelist"), selected).status_code == 403
    run.finish("succeeded")
    assert staff["admin"].post(path, {"post": "yes"}).status_code == 403
    assert Run.objects.exists()
    assert staff["superuser"].post(path, {"post": "yes"}).status_code == 302
    assert not Run.objects.not_deleted().exists()


def test_a_list_of_runs_takes_the_same_queries_however_long_it_is(
    acme, staff, django_assert_max_num_queries
):
    for _ in range(10):
        acme.start_run().finish("succeeded")
    admin = staff["admin"]
    with django_assert_max_num_queries(16):
        assert admin.get(url("runs_run_changelist")).status_code == 200


def test_runs_are_found_by_the_names_of_their_crews(acme, globex, staff, worker_alive):
    runs = {tenant.start_run().pk for tenant in (acme, globex)}
    for person, term, found in (
        ("superuser", "crew", 2),
        ("superuser", "acme", 1),
        ("admin", "crew", 1),
    ):
        page = staff[person].get(url("runs_run_changelist"), {"q": term})
        assert len({run.pk for run in page.context["cl"].result_list} & runs) == found


def test_executions_are_found_by_the_id_of_their_run(acme, globex, staff, worker_alive):
    world = World(acme)
    run, tool = world.run, world.records["runs.toolexecution"]
    page = url("runs_toolexecution_change", tool.pk)
    for term in (str(run.pk), str(run.pk)[:8], str(tool.pk), "script"):
        path = f"{url('runs_toolexecution_changelist')}?q={term}"
        assert page in staff["admin"].get(path).content.decode(), term
        assert page not in staff["outsider"].get(path).content.decode(), term


def test_runs_are_found_by_how_their_ids_begin_and_by_their_crews(acme, globex, staff):
    run, other = acme.start_run(), globex.start_run()
    for term, found in (
        (str(run.pk)[:8], {run}), (str(run.pk), {run}), ("acme CREW", {run}), ("crew", {run, other}),
        (str(run.pk)[:7], set()), ("no such crew", set()),
    ):  # fmt: skip
        path = f"{url('runs_run_changelist')}?q={term}"
        listed = staff["superuser"].get(path).context["cl"].queryset
        assert set(listed) == found, term


@pytest.mark.parametrize("model", ["runs_run", "runs_toolexecution", "crews_auditentry"])
def test_lists_of_what_grows_count_no_further_than_they_say(acme, staff, monkeypatch, model):
    monkeypatch.setattr("crews.admin.large_tables.COUNTED_ROWS", 2)
    for _ in range(3):
        acme.start_run()
    changelist = staff["superuser"].get(url(f"{model}_changelist")).context["cl"]
    assert changelist.result_count <= 2
    assert changelist.full_result_count is None


@pytest.mark.parametrize("person", ["superuser", "admin", "viewer"])
def test_what_is_no_id_is_answered_like_a_run_that_is_not_there(staff, person):
    for pk in ("abc", "00000000-0000-0000-0000-000000000000"):
        assert answer(staff[person].get(url("runs_run_change", pk))) == "gone"
