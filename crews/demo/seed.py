"""Creates the demo. Repeating it adds missing parts and undoes no edits."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction

from crews.demo import passwords, repository
from crews.demo.content import (
    ORGANIZATIONS,
    SUPERUSER,
    DemoCrew,
    DemoOrganization,
    DemoReportedCrew,
    DemoTask,
)
from crews.models import Agent, Crew, Membership, Organization, Role, Task


def seed(*, password: str) -> dict[str, Any]:
    """Create the demo and return it as it is now. Each of its users has ``password``.

    ``{"password", "users": [{"username", "role", "organization"}], "organizations": [{"id", "slug",
    "name", "repository", "crews": [{"id", "slug", "name", "agents": [slug], "tasks": [name]}]}]}``

    Raises ``repository.GitFailed``, and ``ValidationError`` if the tools refuse the repositories.
    """
    for demo in ORGANIZATIONS:
        repository.ensure(demo.repository, _path(demo))
    with transaction.atomic():
        _user(SUPERUSER, password, is_staff=True, is_superuser=True)
        return {
            "password": password,
            "users": [
                {"username": SUPERUSER, "role": "superuser", "organization": None},
                *(
                    {"username": name, "role": str(role), "organization": demo.slug}
                    for demo in ORGANIZATIONS
                    for name, role in demo.users.items()
                ),
            ],
            "organizations": [_organization(demo, password) for demo in ORGANIZATIONS],
        }


def _path(demo: DemoOrganization) -> Path:
    return settings.VAR_DIR.resolve() / "demo" / demo.slug / demo.repository.name


def _user(username: str, password: str, **flags: bool) -> Any:
    user, _ = get_user_model().objects.get_or_create(username=username, defaults=flags)
    if not passwords.has(user, password):  # a new hash would end the user's sessions and tokens
        user.set_password(password)
        user.save(update_fields=["password"])
        passwords.note(user, password)
    return user


def _organization(demo: DemoOrganization, password: str) -> dict[str, Any]:
    organization, _ = Organization.objects.get_or_create(
        slug=demo.slug, defaults={"name": demo.name}
    )
    for username, role in demo.users.items():
        Membership.objects.get_or_create(
            organization=organization,
            user=_user(username, password, is_staff=role == Role.ADMIN),
            defaults={"role": role},
        )
    return {
        "id": organization.pk,
        "slug": organization.slug,
        "name": organization.name,
        "repository": str(_path(demo)),
        "crews": [
            *(_crew(organization, crew, _path(demo)) for crew in demo.crews),
            *(_summary(_empty(organization, crew)) for crew in demo.reported),
        ],
    }


def _empty(organization: Organization, demo: DemoCrew | DemoReportedCrew) -> Crew:
    parallel = demo.max_parallel if isinstance(demo, DemoCrew) else 1
    crew, _ = Crew.objects.get_or_create(
        organization=organization,
        slug=demo.slug,
        defaults={"name": demo.name, "description": demo.description, "max_parallel": parallel},
    )
    return crew


def _crew(organization: Organization, demo: DemoCrew, path: Path) -> dict[str, Any]:
    crew = _empty(organization, demo)
    work = zip(demo.agents, demo.roles, demo.tasks(path), strict=True)
    for order, (name, role, task) in enumerate(work):
        agent, _ = Agent.objects.get_or_create(
            crew=crew, slug=name.lower(), defaults={"name": name, "role": role, "order": order}
        )
        _task(crew, agent, task, order)
    return _summary(crew)


def _summary(crew: Crew) -> dict[str, Any]:
    return {
        "id": str(crew.pk),
        "slug": crew.slug,
        "name": crew.name,
        "agents": [agent.slug for agent in crew.agents.all()],
        "tasks": [task.name for task in crew.tasks.all()],
    }


def _task(crew: Crew, agent: Agent, demo: DemoTask, order: int) -> None:
    steps = [demo.step]
    task = crew.tasks.filter(name=demo.name).first()
    if task is None:
        before = crew.tasks.filter(name__in=demo.after).values_list("pk", flat=True)
        after = [str(pk) for pk in before]
        task = Task(crew=crew, agent=agent, name=demo.name, order=order, after=after, steps=steps)
    elif _has_lost_its_repository(task):
        task.steps = steps
    else:
        return
    task.full_clean()
    task.save()


def _has_lost_its_repository(task: Task) -> bool:
    """Whether the task clones from a missing directory, as after the data have moved."""
    addresses = [step["params"]["url"] for step in task.steps if step["tool"] == "git_clone"]
    return any(url.startswith("/") and not Path(url).is_dir() for url in addresses)
