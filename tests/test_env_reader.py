"""How variables of the environment are read."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from crewops.settings.env_reader import Variables

BASE = Path("/srv/crewops")


def reading(**texts: str) -> Variables:
    return Variables(BASE, texts)


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_variable_is_as_one_that_is_not_set(text):
    env = reading(NAME=text)
    assert env.bool("NAME", default=True) is True
    assert env.int("NAME", default=7) == 7
    assert env.str("NAME", default="default") == "default"
    assert env.db("NAME", default="sqlite:////a.sqlite3")["NAME"] == "/a.sqlite3"
    assert env.directory("NAME", BASE / "var") == BASE / "var"
    assert env.retention("NAME", default=24.0) == 24.0


def test_a_directory_is_absolute_wherever_a_process_starts():
    env = reading(RELATIVE="var/a", ABSOLUTE="/a")
    assert env.directory("RELATIVE", BASE) == BASE / "var/a"
    assert env.directory("ABSOLUTE", BASE) == Path("/a")


def test_space_around_an_entry_does_not_count():
    env = reading(PROXIES="10.0.0.1, 10.0.0.2 ,, ")
    assert env.entries("PROXIES") == ["10.0.0.1", "10.0.0.2"]


def test_a_list_may_be_empty_where_its_default_is_not():
    """Otherwise an empty list of trusted proxies or of hosts would allow those of the default."""
    assert reading(HOSTS="").entries("HOSTS", default=["github.com"]) == []
    assert reading().entries("HOSTS", default=["github.com"]) == ["github.com"]


@pytest.mark.parametrize("text", ["-1", "-0.5"])
def test_a_time_of_retention_is_from_zero_up(text):
    with pytest.raises(ImproperlyConfigured, match="Set it to 0 or more"):
        reading(DAYS=text).retention("DAYS", default=0.0)
    assert reading(DAYS="0").retention("DAYS", default=1.0) == 0
