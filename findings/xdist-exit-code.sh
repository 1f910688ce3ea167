#!/usr/bin/env bash
# pytest-xdist 3.8.0 with pytest 9.2.0: `-x` changes the exit code of a run with one failed test.
#
# Expected: 1 ("tests failed", docs.pytest.org/en/stable/reference/exit-codes.html), as without xdist.
# Seen:     2 ("the test run was interrupted"), also where every test had been run.
# A program that reads the exit code takes a failed test for an interrupted run.
#
#   $ pytest -q -x        ->  2 tests, 1 failed, exit code 1
#   $ pytest -q -x -n 2   ->  2 tests, 1 failed, exit code 2
#
# Exits 0 while that is so, and 1 once it changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check pytest==9.2.0 pytest-xdist==3.8.0
printf '[pytest]\n' > pytest.ini
printf 'def test_a():\n    pass\n\n\ndef test_b():\n    assert False\n' > test_it.py
code() { local found=0; venv/bin/python -m pytest -q "$@" > output.txt 2>&1 || found=$?; echo "$found"; }
alone=$(code -x)
tail -n 1 output.txt
together=$(code -x -n 2)
tail -n 3 output.txt
all=$(code -n 2)
echo "pytest 9.2.0: -x ends with $alone; with pytest-xdist 3.8.0: -x -n 2 with $together, -n 2 with $all"
[ "$alone $together $all" = "1 2 1" ]
