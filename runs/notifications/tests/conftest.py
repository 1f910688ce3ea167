from collections.abc import Callable, Iterator

import pytest

from conftest import Tenant
from runs.notifications.models import Target
from runs.notifications.tests.receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as received:
        yield received


@pytest.fixture
def loopback(settings) -> None:
    """Webhooks may reach this machine."""
    settings.NOTIFICATIONS_PRIVATE_HOSTS = ["127.0.0.1", "localhost"]


@pytest.fixture
def make_target(acme: Tenant) -> Callable[..., Target]:
    """Makes a webhook of the organization. ``made.new_key`` is its key."""

    def make(address: str = "https://example.com/hook", **fields) -> Target:
        values = {"organization": acme.organization, "name": "ops", "service": "webhook"}
        values |= {"kinds": ["run.failed", "run.lost", "run.recovered"]}
        target = Target(**values | fields)
        target.new_key = target.keep(address)
        target.save()
        return target

    return make
