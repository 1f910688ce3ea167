"""``manage.py issue_token``: creates a JWT access token for a user, for scripts and trials."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rest_framework_simplejwt.tokens import AccessToken

from crews import first_steps
from crews.audit.sign_in import token_issued

LONGEST_MIN = 365 * 24 * 60


class Command(BaseCommand):
    help = "Prints a JWT access token for USER, and nothing else."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", metavar="USER", help="user name")
        parser.add_argument(
            "--minutes",
            type=float,
            metavar="N",
            help="life of the token (ACCESS_TOKEN_MINUTES); 0 or less: it has expired, for trials",
        )

    def handle(self, *args: Any, user: str, minutes: float | None, **options: Any) -> None:
        owner = active_user(user)
        token = AccessToken.for_user(owner)
        if minutes is not None:
            if not -LONGEST_MIN <= minutes <= LONGEST_MIN:
                raise CommandError(f"--minutes: give a number, at most {LONGEST_MIN}.")
            token.set_exp(lifetime=timedelta(minutes=minutes))
        token_issued(owner)
        self.stdout.write(str(token))


def active_user(username: str) -> Any:
    """The user with that name. Raises ``CommandError`` for a user who could not sign in."""
    users = get_user_model().objects
    user = users.filter(username=username).first()
    if user is None:
        raise CommandError(first_steps.no_user(username))
    if not user.is_active:
        raise CommandError(f"User {username!r} is deactivated. Activate the account in the admin.")
    return user
