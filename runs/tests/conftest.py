"""Fixtures for the tests of the run pages."""

import pytest
from django.contrib.auth.models import User


@pytest.fixture
def people(acme, globex, superuser) -> dict[str, User | None]:
    return {
        "admin": acme.admin,
        "operator": acme.operator,
        "viewer": acme.viewer,
        "outsider": globex.admin,
        "superuser": superuser,
        "anonymous": None,
    }
