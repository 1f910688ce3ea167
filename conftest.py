"""Fixtures for the whole suite: a real Redis, two organizations of the same shape, their people."""

import gc
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import QuerySet
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from crewops.redis import server_command
from crews.models import Agent, ApiKey, Crew, Membership, Organization, Role, Secret, Task
from runs.models import Run, Worker
from runs.notifications.models import Delivery, Target
from tests import suite, template
from tests.live import Process, Web, eventually

PROCESSES_PER_CORE = 3
REDIS_LIMITS = (
    "realtime.redis_circuit_breaker.TIMEOUT_S",
    "realtime.delivery.layer.PUBLISH_S",
    "realtime.delivery.node.PUBLISH_S",
)
REPEATED_BY_NAME = 20  # failed tests; of more than these the files are named
PASSWORD = "correct horse battery"
HELLO = [{"tool": "script", "params": {"interpreter": "bash", "code": "echo hello"}}]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Read no file of which `-m both_databases` would choose nothing."""
    if config.getvalue("markexpr") == "both_databases":
        path = collection_path.relative_to(config.rootpath).as_posix()
        return not suite.runs_on_both(f"{path}/" if collection_path.is_dir() else path) or None
    return None


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that touch the database, by themselves or through a process they start."""
    for item in items:
        if "django_db_setup" in item.fixturenames or item.get_closest_marker("django_db"):
            item.add_marker("database")
            if suite.runs_on_both(item.nodeid) and not item.get_closest_marker("browser"):
                item.add_marker("both_databases")


class Order:
    """Puts the longest files first, after pytest-django, which also sorts."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: suite.turn(item.nodeid))
        if "POSTGRES_PER_PROCESS" in os.environ:
            ids = suite.in_pairs([item.nodeid for item in items])
            items.sort(key=lambda item: ids.index(item.nodeid))


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Order(), "longest first")


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of garbage collections: a tenth of the CPU."""
    gc.collect()
    gc.freeze()


def pytest_xdist_auto_num_workers() -> int:
    """More processes than cores, because tests mostly wait."""
    return PROCESSES_PER_CORE * len(os.sched_getaffinity(0))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """The processes of pytest-xdist share the directory of the one that starts them."""
    node.workerinput["shared_directory"] = str(settings.VAR_DIR)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    request: pytest.FixtureRequest, django_db_modify_db_settings, django_db_blocker
) -> None:
    """Let each process copy a migrated database instead of migrating its own."""
    if not request.config.getvalue("reuse_db"):
        with django_db_blocker.unblock():
            template.prepare(getattr(request.config, "workerinput", None))


@pytest.fixture(scope="session")
def django_db_keepdb(request: pytest.FixtureRequest, django_db_modify_db_settings) -> bool:
    """What is temporary goes with its directory; to remove it would wait for its last session."""
    return template.is_temporary() or request.config.getvalue("reuse_db")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which command runs what failed once more, on the same database."""
    stats = terminalreporter.stats
    failed = {report.nodeid: None for kind in ("failed", "error") for report in stats.get(kind, ())}
    if not failed:
        return
    ids = list(failed) if len(failed) <= REPEATED_BY_NAME else {i.split("::")[0] for i in failed}
    run = [".venv/bin/python", "-m"]
    of_each = "POSTGRES_PER_PROCESS" in os.environ
    on_postgres = [*run, "tests.postgres"] if of_each or connection.vendor != "sqlite" else []
    terminalreporter.section("To repeat what failed")
    chromium = [f"CHROMIUM={os.environ['CHROMIUM']}"] if os.environ.get("CHROMIUM") else []
    terminalreporter.line(shlex.join([*chromium, *on_postgres, *run, "pytest", *ids]))


@pytest.fixture(scope="session", autouse=True)
def redis_server() -> Iterator[redis.Redis]:
    """A private Redis for the session, where the settings expect it."""
    process = subprocess.Popen(server_command(settings.VAR_DIR), stdout=subprocess.DEVNULL)
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        while process.poll() is None:
            try:
                client.ping()
                break
            except (redis.ConnectionError, redis.BusyLoadingError):
                continue
        yield client
    process.terminate()
    process.wait()


@pytest.fixture(scope="session", autouse=True)
def patient_redis() -> Iterator[None]:
    """On a busy machine the tests' own processes wait for Redis: each event is published and each
    call is counted. Tests of a Redis that hangs set the limit back.
    """
    with pytest.MonkeyPatch.context() as patch:
        for limit in REDIS_LIMITS:
            patch.setattr(limit, 30.0)
        yield


@dataclass(frozen=True)
class Tenant:
    """An organization with a crew of two agents, a person in each role, and a run."""

    organization: Organization
    crew: Crew
    admin: User
    operator: User
    viewer: User

    def start_run(self) -> Run:
        """A running run of the crew, held by worker ``w``."""
        run = Run.objects.create(crew=self.crew, started_by=self.operator)
        run.start(worker="w")
        return run

    def give_steps(self, *steps: dict) -> None:
        """These steps to every task of the crew."""
        for task in self.crew.tasks.all():
            task.steps = list(steps)
            task.save()

    def issue_key(self, *scopes: str, name: str = "a program", **fields: Any) -> tuple[ApiKey, str]:
        """An API key of the organization, and its text."""
        return ApiKey.objects.issue(
            organization=self.organization, name=name, scopes=[*scopes], by=self.admin, **fields
        )

    def keep_secret(self, value: str = "canary-of-a-secret", **fields: str) -> Secret:
        """A secret of the organization, by default one for github.com."""
        fields = {"name": f"{self.organization.slug}-deploy", "host": "github.com"} | fields
        secret = Secret(organization=self.organization, **fields)
        secret.store(value, by=self.admin)
        return secret

    def notify(self, **fields: Any) -> Delivery:
        """A delivery that waits, to a target of the organization."""
        fields = {"name": f"{self.organization.slug}-target", "kinds": ["run.failed"]} | fields
        target = Target(organization=self.organization, service="webhook", **fields)
        target.keep("https://example.com/hooks/canary-of-an-address")
        target.save()
        Delivery.objects.unscoped().queue_test(target, by=self.admin)
        return target.deliveries.get()


def make_tenant(slug: str) -> Tenant:
    """What half of the tests begin with, so in few queries: without entries of agents, members."""
    organization = Organization.objects.create(name=slug.title(), slug=slug)
    crew = Crew.objects.create(organization=organization, name=f"{slug.title()} crew", slug="crew")
    agents = [
        Agent(crew=crew, name=name, slug=name.lower(), order=order)
        for order, name in enumerate(("Orion", "Vega"))
    ]
    QuerySet.bulk_create(Agent.objects.all(), agents)
    for agent in agents:
        about = {"name": f"{agent.name} works", "order": agent.order, "steps": HELLO}
        Task.objects.create(crew=crew, agent=agent, **about)
    password = make_password(PASSWORD)
    people = {role: User(username=f"{slug}-{role}", password=password) for role in Role.values}
    User.objects.bulk_create(people.values())
    members = [
        Membership(organization=organization, user=user, role=role) for role, user in people.items()
    ]
    QuerySet.bulk_create(Membership.objects.all(), members)
    crew.refresh_from_db()
    return Tenant(organization, crew, **people)


@pytest.fixture
def worker_alive(db) -> None:
    """A worker that has just reported itself, so crews are not offline."""
    Worker.objects.beat("w", tier="namespaces")


@pytest.fixture
def acme(db) -> Tenant:
    return make_tenant("acme")


@pytest.fixture
def globex(db) -> Tenant:
    """The other organization; its people are the outsiders of every access test."""
    return make_tenant("globex")


@pytest.fixture
def superuser(db) -> User:
    return User.objects.create_superuser("root", password=PASSWORD)


@pytest.fixture
def api() -> Callable[[User | None], APIClient]:
    """Makes a client of the HTTP API that sends an access token of the user, or none."""

    def client_of(user: User | None) -> APIClient:
        client = APIClient()
        if user:
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(user)}")
        return client

    return client_of


@pytest.fixture(scope="session")
def web(django_db_setup) -> Iterator[Web]:
    """A live web process over the test database; its users use ``transactional_db``."""
    process = Web(REALTIME_HEARTBEAT_S="1", REALTIME_TOKEN_GRACE_S="1")
    yield process
    assert process.running, process.log.read_text()
    process.stop()


@pytest.fixture
def worker(transactional_db) -> Iterator[Process]:
    """A live Celery worker over the test database, ready for runs."""
    process = Process("-m", "celery", "-A", "crewops", "worker", "--concurrency", "2")
    eventually(Worker.objects.alive().exists, within_s=30)
    yield process
    process.stop()
