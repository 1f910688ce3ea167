"""The command issue_token."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from crews.tests.test_commands import run


def test_a_token_is_the_users_and_nothing_else_is_printed(db, api):
    user = User.objects.create_user("somebody")
    token = run("issue_token", "somebody")
    assert token.count("\n") == 1
    assert AccessToken(token.strip())["user_id"] == str(user.pk)
    assert api(None).get("/api/crews/").status_code == 401
    client = api(None)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token.strip()}")
    assert client.get("/api/crews/").status_code == 200


def test_a_token_lives_as_long_as_asked_for(db):
    User.objects.create_user("somebody")
    token = AccessToken(run("issue_token", "somebody", minutes=90).strip())
    left = token["exp"] - timezone.now().timestamp()
    assert abs(left - timedelta(minutes=90).total_seconds()) < 60


@pytest.mark.parametrize("minutes", ["0", "-1"])
def test_a_token_may_have_expired_already(db, api, minutes):
    User.objects.create_user("somebody")
    client = api(None)
    client.credentials(
        HTTP_AUTHORIZATION=f"Bearer {run('issue_token', 'somebody', f'--minutes={minutes}').strip()}"
    )
    assert client.get("/api/crews/").status_code == 401


@pytest.mark.parametrize("minutes", ["nan", "inf", "-inf", "1e9", "-1e9"])
def test_a_life_that_is_none_is_refused(db, minutes):
    User.objects.create_user("somebody")
    with pytest.raises(CommandError, match="--minutes: give a number, at most"):
        run("issue_token", "somebody", f"--minutes={minutes}")


def test_no_token_for_nobody_or_for_the_deactivated(db):
    with pytest.raises(CommandError, match=r"There is no user 'somebody'\. Create one"):
        run("issue_token", "somebody")
    User.objects.create_user("somebody", is_active=False)
    with pytest.raises(CommandError, match=r"deactivated\. Activate"):
        run("issue_token", "somebody")
