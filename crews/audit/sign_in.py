"""Who signed in and who failed to: written on the way, since no record changes."""

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

from crews.audit.actor import Actor, Way, actor_of, current_actor
from crews.models import AuditEntry
from crews.models.audit_entry import Kind

# Anybody may ask as often as they like, so an hour's entries of a kind are bounded.
WINDOW = timedelta(hours=1)
MOST_OF_ONE = 30  # about one account
MOST_OF_ALL = 500

logger = logging.getLogger(__name__)


def token_issued(user: AbstractBaseUser) -> None:
    """For who hands out a token to somebody who has not signed in for it."""
    _record(Kind.TOKEN_ISSUED, user, str(user), current_actor())


@receiver(user_logged_in)
def signed_in(user: AbstractBaseUser, request: HttpRequest, **kwargs: Any) -> None:
    actor = actor_of(request, user)
    kind = Kind.TOKEN_ISSUED if actor.way == Way.API else Kind.SIGNED_IN
    _record(kind, user, str(user), actor)


@receiver(user_login_failed)
def failed(credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any) -> None:
    users = get_user_model()
    username = str(credentials.get(users.USERNAME_FIELD, "")).replace("\0", "")
    user = users._default_manager.filter(**{users.USERNAME_FIELD: username}).first()
    # What was typed instead of a name is not told: it may be a password.
    name = str(user) if user else "a name that nobody has"
    _record(Kind.SIGN_IN_FAILED, user, name, actor_of(request) if request else current_actor())


def _record(kind: Kind, user: AbstractBaseUser | None, name: str, actor: Actor) -> None:
    recent = AuditEntry.objects.filter(kind=kind, created_at__gt=timezone.now() - WINDOW)
    told = recent.aggregate(all=Count("pk"), of_one=Count("pk", filter=Q(object_name=name)))
    if told["of_one"] >= MOST_OF_ONE or told["all"] >= MOST_OF_ALL:
        logger.warning("%s: %s from %s, one too many for the audit trail", kind.label, name, actor)
        return
    AuditEntry.objects.record(kind, about=user, name=name, actor=actor)
