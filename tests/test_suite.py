"""What says where and when tests run names files that there are."""

import pytest
from django.conf import settings

from tests import suite


@pytest.mark.parametrize("path", dict.fromkeys(suite.SAME_ON_BOTH + suite.LONGEST_FIRST))
def test_what_is_listed_is_there(path):
    assert (settings.BASE_DIR / path).exists()
    assert (settings.BASE_DIR / path).is_dir() == path.endswith("/")


def test_what_is_in_no_list_runs_on_both_databases_and_last():
    assert suite.runs_on_both("runs/tests/test_lease.py::test_x")
    assert not suite.runs_on_both("tests/security/test_fuzz.py::test_x")
    assert suite.turn("tests/test_stack.py::test_x") == 0
    assert suite.turn("runs/tests/test_lease.py::test_x") == len(suite.LONGEST_FIRST)
