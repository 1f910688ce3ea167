"""Which files of ``METRICS_DIR`` the start of a stack removes."""

import os

from prometheus_client import values

from crewops import metric_files


def test_only_the_files_of_prometheus_client_are_removed(tmp_path):
    """The setting may point at a directory that has other files, too."""
    for name in ("notes.txt", "app_1.db", "counter_old.db", "crewops.sqlite3"):
        (tmp_path / name).touch()
    (tmp_path / "counter_1.db").mkdir()
    others = set(tmp_path.iterdir())
    kinds = ("counter", "histogram", "summary", "gauge_livesum", "gauge_max", "gauge_mostrecent")
    for kind in kinds:
        (tmp_path / f"{kind}_4711.db").touch()
    metric_files.remove(tmp_path)
    assert set(tmp_path.iterdir()) == others


def test_a_file_is_recognized_by_the_name_that_prometheus_client_gives_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    value = values.MultiProcessValue(os.getpid)
    for kind, mode in (("counter", ""), ("gauge", "livesum"), ("histogram", "")):
        value(kind, "name", "name", (), (), "help", mode)
    assert len(list(tmp_path.iterdir())) == 3
    metric_files.remove(tmp_path)
    assert not list(tmp_path.iterdir())
