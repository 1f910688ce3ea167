"""Where runs are asked for over HTTP."""

import pytest


@pytest.fixture
def runs_url(acme) -> str:
    return f"/api/crews/{acme.crew.pk}/runs/"
