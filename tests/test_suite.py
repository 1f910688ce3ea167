"""What says where and when tests run names files that there are."""

import pytest
from django.conf import settings

from tests import suite

FAULTS = {path.partition("::")[0] for path in suite.FAULTS_LONGEST_FIRST}


@pytest.mark.parametrize("path", sorted({*suite.SAME_ON_BOTH, *suite.LONGEST_FIRST, *FAULTS}))
def test_what_is_listed_is_there(path):
    assert (settings.BASE_DIR / path).exists()
    assert (settings.BASE_DIR / path).is_dir() == path.endswith("/")


def test_what_is_in_no_list_runs_on_both_databases_and_last():
    assert suite.runs_on_both("runs/tests/test_lease.py::test_x")
    assert not suite.runs_on_both("tests/security/test_fuzz.py::test_x")
    assert suite.turn("tests/test_stack.py::test_x") == 0
    assert suite.turn("runs/tests/test_lease.py::test_x") == len(suite.LONGEST_FIRST)


def test_long_and_short_tests_of_faults_take_turns():
    long, medium, short = "tests/chaos/test_work.py::x[0]", "tests/chaos/test_clock.py::x", "y"
    assert suite.in_pairs([short, medium, long]) == [long, short, medium]
    assert suite.in_pairs([]) == []
