"""Staff of two organizations at the admin, and a record of each kind for each organization."""

import re
from typing import Any
from urllib.parse import unquote, unquote_plus
from uuid import uuid4

from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conftest import PASSWORD, Tenant
from crews.models import AuditEntry, Membership
from runs.models import ModelCall, TaskExecution, ToolExecution
from runs.schedules.models import Schedule

# superuser; acme's staff by role; globex's admin; staff of no organization; acme's admin, not
# staff.
PEOPLE = ("superuser", "admin", "operator", "viewer", "outsider", "homeless", "civilian")
SECRET = "written by a tool"
# What differs between two answers to the same request.
RANDOM = re.compile(
    r'nonce="[^"]*"|csrftoken="[^"]*"|X-CSRFToken": "[^"]*"|middlewaretoken" [^>]*>'
)


class World:
    """One organization's records by model, and the texts that would give a leak away."""

    def __init__(self, tenant: Tenant) -> None:
        slug = tenant.organization.slug
        self.run = tenant.start_run()
        task = TaskExecution.objects.start(run=self.run, task=self.run.plan["tasks"][0])
        tool = ToolExecution.objects.start(task_execution=task, tool="script", params={})
        tool.report(message=f"{SECRET} of {slug}", output=f"{SECRET} of {slug}")
        about = {"agent_id": "orion", "provider": "openai", "model": f"{slug}-model"}
        call = ModelCall.objects.start(run=self.run, id=uuid4(), at=timezone.now(), **about)
        membership = Membership.objects.get(user=tenant.viewer)
        entry = AuditEntry.objects.get(object_id=self.run.pk)
        failed = AccessAttempt.objects.create(
            username=f"{slug}-viewer", ip_address="192.0.2.1", failures_since_start=1
        )
        rule = tenant.crew.approval_rules.create(
            organization=tenant.organization, tool=f"{slug}-tool"
        )
        schedule = Schedule.objects.create(crew=tenant.crew, expression="@daily")
        self.tenant = tenant
        self.records: dict[str, Model] = {
            record._meta.label_lower: record
            for record in (
                tenant.organization, tenant.crew, tenant.viewer, membership, self.run, tool, call,
                tenant.keep_secret(), tenant.issue_key("watch", name=f"{slug}-ci")[0], failed, entry,
                rule, schedule,
            )
        }  # fmt: skip
        self.texts = [tenant.crew.name, f"{slug}-", str(tenant.crew.pk), str(self.run.pk)]
        self.texts += [
            str(tool.pk),
            str(call.pk),
            f">{tenant.organization.name}<",
            f"{SECRET} of {slug}",
        ]

    def texts_in(self, response: HttpResponse) -> list[str]:
        """This organization's texts in the response, except those that the request had."""
        asked = unquote_plus(f"{response.request['PATH_INFO']}?{response.request['QUERY_STRING']}")
        held = response.content.decode()
        return [text for text in self.texts if text in held and text not in asked]


class Clients(dict[str, Client]):
    """A client for each of ``PEOPLE``, signed in when it is first asked for."""

    def __init__(self, users: dict[str, User]) -> None:
        self._users = users

    def __missing__(self, person: str) -> Client:
        client = self[person] = Client()
        client.force_login(self._users[person])
        return client


def clients(acme: Tenant, globex: Tenant, superuser: User) -> Clients:
    users = {"superuser": superuser, "outsider": globex.admin}
    users |= {role: getattr(acme, role) for role in ("admin", "operator", "viewer")}
    users["homeless"] = User.objects.create_user("homeless", password=PASSWORD)
    for user in users.values():
        user.is_staff = True
        user.save()
    users["civilian"] = User.objects.create_user("civilian", password=PASSWORD)
    Membership.objects.create(user=users["civilian"], organization=acme.organization, role="admin")
    return Clients(users)


def url(name: str, *args: Any) -> str:
    return reverse(f"admin:{name}", args=args)


def views(model: type[Model]) -> list[tuple[str, bool]]:
    """Names of the URLs of a model's admin, and whether each is of one record."""
    patterns = admin.site.get_model_admin(model).get_urls()
    return [(p.name, "<" in str(p.pattern)) for p in patterns if p.name]


def answer(response: HttpResponse) -> str:
    """The status; ``login`` and ``gone`` are the redirects Django makes of no staff and no
    record.
    """
    if response.status_code != 302:
        return str(response.status_code)
    location = unquote(response.headers["Location"])
    if location.startswith(reverse("admin:login")):
        return "login"
    return "gone" if location == reverse("admin:index") else "302"
