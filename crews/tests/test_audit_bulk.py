"""A bulk change of users sends no signals, but the trail records it once for each user."""

import pytest
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Concat

from conftest import PASSWORD
from crews.models import AuditEntry


def user_entries(**filters: object) -> list[tuple[str, str]]:
    entries = AuditEntry.objects.filter(object_type="auth.user", **filters).order_by("pk")
    return list(entries.values_list("object_name", "kind"))


@pytest.fixture
def ada_and_bob(db) -> list[User]:
    return [User.objects.create_user(name, password=PASSWORD) for name in ("ada", "bob")]


@pytest.fixture
def fresh(ada_and_bob):
    """The entries since the users were made."""
    last = AuditEntry.objects.order_by("pk").last().pk
    return lambda: user_entries(pk__gt=last)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"is_active": False}, "user.deactivated"),
        ({"is_superuser": True}, "user.made_superuser"),
        ({"is_staff": True}, "user.edited"),
        ({"password": "!"}, "user.password_changed"),
        ({"email": Concat("username", models.Value("@example.com"))}, "user.edited"),
    ],
)
def test_an_update_is_recorded_for_each_user_it_changes(ada_and_bob, fresh, change, kind):
    assert User.objects.order_by("username").update(**change) == 2
    assert fresh() == [("ada", kind), ("bob", kind)]
    User.objects.filter(username="ada").update(**change)  # changes nothing
    assert len(fresh()) == 2


def test_an_entry_has_the_old_and_the_new_values(ada_and_bob):
    User.objects.filter(username="bob").update(is_staff=True, first_name="Robert")
    entry = AuditEntry.objects.filter(kind="user.edited").get()
    assert entry.object_name == "bob"
    assert entry.changes == {"is_staff": [False, True], "first_name": ["", "Robert"]}


def test_the_users_are_those_who_fitted_before_the_change(ada_and_bob, fresh):
    User.objects.filter(username="ada").update(is_active=False)
    assert User.objects.filter(is_active=True).update(is_active=False) == 1
    assert fresh() == [("ada", "user.deactivated"), ("bob", "user.deactivated")]


def test_other_ways_to_the_same(ada_and_bob, fresh):
    ada, bob = ada_and_bob
    group = Group.objects.create(name="couriers")
    group.user_set.add(ada)
    group.user_set.update(is_active=False)
    bob.is_superuser = True
    User.objects.bulk_update([bob], ["is_superuser"])
    assert fresh() == [("ada", "user.deactivated"), ("bob", "user.made_superuser")]


def test_a_save_is_recorded_once(ada_and_bob, fresh):
    ada, _ = ada_and_bob
    ada.is_active = False
    ada.save()
    assert fresh() == [("ada", "user.deactivated")]


def test_an_unwatched_field_is_not_recorded(ada_and_bob, fresh, django_assert_num_queries):
    with django_assert_num_queries(1):
        User.objects.update(last_login=None)
    assert fresh() == []


def test_an_update_that_cannot_be_recorded_is_not_made(ada_and_bob, fresh, monkeypatch):
    def refuse(*args: object, **kwargs: object) -> None:
        raise IntegrityError("no room")

    monkeypatch.setattr(type(AuditEntry.objects), "record", refuse)
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.update(is_active=False)
    assert not User.objects.filter(is_active=False).exists()


def test_users_created_together_are_recorded(db):
    User.objects.bulk_create([User(username="ada", is_superuser=True), User(username="bob")])
    assert user_entries() == [
        ("ada", "user.created"), ("ada", "user.made_superuser"), ("bob", "user.created"),
    ]  # fmt: skip
    assert set(user_entries()) == set(
        user_entries(object_id__in=map(str, User.objects.values_list("pk", flat=True)))
    )


@pytest.mark.parametrize("option", ["ignore_conflicts", "update_conflicts"])
def test_those_of_whom_some_may_exist_are_refused(db, option):
    with pytest.raises(TypeError, match="save\\(\\) each user"):
        User.objects.bulk_create([User(username="ada")], **{option: True})
    assert not User.objects.exists()
