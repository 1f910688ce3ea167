"""The page of a target does not overwrite what another admin has saved meanwhile."""

import pytest

from runs.notifications.models import Target

pytestmark = pytest.mark.django_db
ADDRESS = "https://example.org/mine"


@pytest.fixture
def admin(acme, client):
    client.force_login(acme.admin)
    return client


def mine(target: Target, **changed) -> dict:
    """A form that was opened now."""
    values = {"name": "mine", "kinds": ["run.lost"], "crew": "", "address": "", "is_active": "on"}
    return values | {"seen": Target.objects.get(pk=target.pk).digest()} | changed


def rename(target: Target) -> None:
    target.name = "theirs"


def switch_off(target: Target) -> None:
    target.is_active = False


def choose_kinds(target: Target) -> None:
    target.kinds = ["approval.wanted"]


def give_an_address(target: Target) -> None:
    target.keep("https://example.net/theirs")


@pytest.mark.parametrize("change", [rename, switch_off, choose_kinds, give_an_address])
def test_a_target_that_another_admin_has_saved_is_not_overwritten(admin, make_target, change):
    target = make_target()
    path = target.get_absolute_url()
    form = mine(target, address=ADDRESS)
    assert f'name="seen" value="{form["seen"]}"' in admin.get(path).content.decode()
    change(target)
    target.save()

    refused = admin.post(path, form)
    assert refused.status_code == 409
    page = refused.content.decode()
    assert "Somebody else has saved this target since you opened the page." in page
    assert 'id="id_name" maxlength="100" value="mine"' in page
    assert ADDRESS not in page
    kept = Target.objects.get()
    assert [kept.name, kept.kinds, kept.is_active, kept.address] == [
        target.name, target.kinds, target.is_active, target.address,
    ]  # fmt: skip
    # The page shows theirs, so that the next press may replace it.
    assert f"It is now {target.name}," in page
    assert admin.post(path, form | {"seen": target.digest(), "address": ""}).status_code == 302
    assert Target.objects.get().name == "mine"


def test_a_press_that_is_sent_twice_is_no_conflict(admin, make_target):
    target = make_target()
    form = mine(target)
    path = target.get_absolute_url()
    assert [admin.post(path, form).status_code for _ in range(2)] == [302, 302]


def test_the_page_that_shows_a_new_key_can_be_saved_again(admin, make_target):
    target = make_target()
    path = target.get_absolute_url()
    shown = admin.post(path, mine(target, address=ADDRESS))
    assert shown.status_code == 200
    seen = shown.context["form"].seen
    assert f'name="seen" value="{seen}"' in shown.content.decode()
    assert admin.post(path, mine(target, name="renamed", seen=seen)).status_code == 302
    assert Target.objects.get().name == "renamed"
