"""The crews that the API shows, and to whom."""

import pytest

from crews.models import Crew, Membership


def test_a_member_sees_crews_with_status_agents_and_tasks(acme, api, worker_alive):
    acme.crew.save()
    (crew,) = api(acme.viewer).get("/api/crews/").json()["results"]
    task = acme.crew.tasks.first()
    assert crew == {
        "id": str(acme.crew.pk),
        "organization": {"name": "Acme", "slug": "acme"},
        "name": "Acme crew",
        "slug": "crew",
        "description": "",
        "is_active": True,
        "status": "available",
        "max_parallel": 1,
        "own_directories": False,
        "agents": [
            {"agent_id": "orion", "name": "Orion", "role": ""},
            {"agent_id": "vega", "name": "Vega", "role": ""},
        ],
        "tasks": [
            {
                "task_id": str(task.pk),
                "name": "Orion works",
                "agent_id": "orion",
                "after": [],
                "steps": task.steps,
                "continue_on_error": False,
            },
            crew["tasks"][1],
        ],
    }
    assert crew == api(acme.viewer).get(f"/api/crews/{acme.crew.pk}/").json()


def test_a_task_names_those_it_comes_after_but_none_that_is_deleted(acme, api):
    first, second = acme.crew.tasks.all()
    second.after = [str(first.pk)]
    second.save()
    path = f"/api/crews/{acme.crew.pk}/"
    assert api(acme.viewer).get(path).json()["tasks"][1]["after"] == [str(first.pk)]
    first.delete()
    assert api(acme.viewer).get(path).json()["tasks"][0]["after"] == []


def test_an_id_may_be_written_in_either_case(acme, globex, api):
    own, foreign = str(acme.crew.pk).upper(), str(globex.crew.pk).upper()
    client = api(acme.viewer)
    assert client.get(f"/api/crews/{own}/").json()["id"] == str(acme.crew.pk)
    refused = client.get(f"/api/crews/{foreign}/")
    assert refused.status_code == 404
    assert refused.content == client.get(f"/api/crews/{foreign.lower()}/").content


def test_a_crew_without_a_worker_is_offline(acme, api):
    assert api(acme.viewer).get(f"/api/crews/{acme.crew.pk}/").json()["status"] == "offline"


def test_each_sees_the_crews_of_their_organizations_only(acme, globex, superuser, api):
    def seen(user):
        return [crew["id"] for crew in api(user).get("/api/crews/").json()["results"]]

    assert seen(acme.viewer) == [str(acme.crew.pk)]
    assert seen(globex.admin) == [str(globex.crew.pk)]
    assert seen(superuser) == [str(acme.crew.pk), str(globex.crew.pk)]
    Membership.objects.create(organization=globex.organization, user=acme.viewer)
    assert seen(acme.viewer) == [str(acme.crew.pk), str(globex.crew.pk)]
    acme.viewer.memberships.all().delete()
    assert seen(acme.viewer) == []


def test_steps_are_shown_without_their_secrets(acme, api):
    steps = [
        {"tool": "git_clone", "params": {"url": "https://bot:hunter22@github.com/acme/app"}},
        {"tool": "script", "params": {"interpreter": "bash", "code": "login hunter22"}},
    ]
    acme.give_steps(*steps)
    response = api(acme.admin).get(f"/api/crews/{acme.crew.pk}/")
    assert b"hunter22" not in response.content
    shown = response.json()["tasks"][0]["steps"]
    assert shown[0]["params"]["url"] == "https://[redacted]@github.com/acme/app"
    assert shown[1]["params"] == {"interpreter": "bash", "code": "login [redacted]"}


def test_the_number_of_queries_does_not_grow_with_the_crews(
    acme, api, django_assert_max_num_queries
):
    def add(number):
        crew = Crew.objects.create(
            organization=acme.organization, name=f"Crew {number}", slug=f"crew-{number}"
        )
        agent = crew.agents.create(name="Lyra", slug="lyra")
        crew.tasks.create(agent=agent, name="Lyra works")

    for number in range(5):
        add(number)
    with django_assert_max_num_queries(4):  # the user, the crews, their agents, their tasks
        assert len(api(acme.viewer).get("/api/crews/").json()["results"]) == 6


def test_pages_hold_each_crew_once_in_order(acme, globex, superuser, api):
    for number in range(5):
        # Names repeat: the order must still be total.
        Crew.objects.create(
            organization=acme.organization, name=f"Crew {number // 3}", slug=f"crew-{number}"
        )
    client, url, names = api(superuser), "/api/crews/?page_size=2", []
    while url:
        page = client.get(url).json()
        assert len(page["results"]) <= 2
        names += [crew["slug"] for crew in page["results"]]
        url = page["next"]
    assert len(names) == 7
    assert sorted(names[1:6]) == [f"crew-{number}" for number in range(5)]


@pytest.mark.parametrize("size", ["0", "-1", "201", "many", "", "1e9", "9" * 5000, "\u0663"])
def test_an_impossible_page_size_is_refused(acme, api, size):
    response = api(acme.viewer).get("/api/crews/", {"page_size": size})
    assert response.status_code == 400
    assert response.json()["errors"] == [
        {"attr": "page_size", "code": "invalid", "detail": "Give a whole number from 1 to 200."}
    ]


@pytest.mark.parametrize("cursor", [" ", "x", "cD0yMDI1", "\x00", "a:b:c", "ü"])
def test_a_made_up_cursor_is_refused(acme, api, cursor):
    response = api(acme.viewer).get("/api/crews/", {"cursor": cursor})
    assert response.status_code == 400
    assert response.json()["errors"][0]["attr"] == "cursor"


def test_a_cursor_of_another_list_is_refused(acme, api):
    acme.start_run()
    acme.start_run()
    client = api(acme.viewer)
    foreign = client.get("/api/runs/?page_size=1").json()["next"].partition("cursor=")[2]
    assert client.get(f"/api/runs/?cursor={foreign}").status_code == 200
    assert client.get(f"/api/crews/?cursor={foreign}").status_code == 400
