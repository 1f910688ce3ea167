#!/usr/bin/env bash
# pytest-rerunfailures 16.7 with pytest 9.2.0: `pytest_runtest_logfinish` is called for each try.
#
# Expected: once for each test. pytest's reference: "Called at the end of running the runtest
#           protocol for a single item"; pytest itself calls it once.
# Seen:     one test that passes at its second try ends twice, between one pytest_runtest_logstart
#           and the next. A plugin that counts ends counts 3 of 2 tests; count ids instead.
#
# Exits 0 while that is so, and 1 once it changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    pytest==9.2.0 pytest-rerunfailures==16.7
printf '[pytest]\n' > pytest.ini
cat > conftest.py <<'PYTHON'
ended = []


def pytest_runtest_logfinish(nodeid):
    ended.append(nodeid)


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"{len(ended)} ends of {len(set(ended))} tests")
PYTHON
cat > test_it.py <<'PYTHON'
tries = []


def test_a():
    tries.append(1)
    assert len(tries) > 1


def test_b():
    pass
PYTHON
venv/bin/python -m pytest -q --reruns 2 | tee output.txt
echo "pytest 9.2.0, pytest-rerunfailures 16.7: $(grep 'ends of' output.txt)"
grep -q '^3 ends of 2 tests$' output.txt
