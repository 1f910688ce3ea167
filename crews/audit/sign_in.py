"""Entries for sign-ins, successful or failed. They are written here because no record changes."""

import logging
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db.models import Count, Q
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from crews.audit_actor import Actor, Way, actor_of, current_actor
from crews.models import AuditEntry
from crews.models.audit_entry import Kind

# Any client may try to sign in any number of times, so the entries of a kind are limited per hour.
WINDOW = timedelta(hours=1)
LIMIT_PER_ACCOUNT = 30  # about one account
LIMIT_IN_ALL = 500

logger = logging.getLogger(__name__)


def token_issued(user: AbstractBaseUser) -> None:
    """Call this after issuing a token to a user who has not signed in for it."""
    _record(Kind.TOKEN_ISSUED, user, str(user), current_actor())


@receiver(user_logged_in)
def signed_in(user: AbstractBaseUser, request: HttpRequest, **kwargs: Any) -> None:
    actor = actor_of(request, user)
    kind = Kind.TOKEN_ISSUED if actor.way == Way.API else Kind.SIGNED_IN
    _record(kind, user, str(user), actor)


@receiver(user_login_failed)
def failed(credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any) -> None:
    username = str(credentials.get(get_user_model().USERNAME_FIELD, ""))
    actor = actor_of(request) if request else current_actor()
    _record(Kind.SIGN_IN_FAILED, *_named(username), actor)


def unlocked(username: str) -> None:
    """Call this when the failures that locked ``username`` are deleted."""
    user, name = _named(username)
    AuditEntry.objects.record(Kind.UNLOCKED, about=user, name=name)


def _named(username: str) -> tuple[AbstractBaseUser | None, str]:
    """The user with that name. An unknown name is not recorded: it may be a password."""
    users = get_user_model()
    same = {users.USERNAME_FIELD: username.replace("\0", "")}
    user = users._default_manager.filter(**same).first()
    return user, str(user) if user else "a name that nobody has"


def _record(kind: Kind, user: AbstractBaseUser | None, name: str, actor: Actor) -> None:
    recent = AuditEntry.objects.unscoped().filter(kind=kind, created_at__gt=timezone.now() - WINDOW)
    counts = recent.aggregate(all=Count("pk"), of_one=Count("pk", filter=Q(object_name=name)))
    if counts["of_one"] >= LIMIT_PER_ACCOUNT or counts["all"] >= LIMIT_IN_ALL:
        logger.warning(
            "%s: not recorded, because the audit trail has the hourly maximum already", kind.label
        )
        return
    AuditEntry.objects.record(kind, about=user, name=name, actor=actor)
