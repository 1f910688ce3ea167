"""Modules import each other in no circle, at whatever place of a file the import stands."""

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

PACKAGES = ("crewops", "crews", "runs", "realtime")


def check(graph: grimp.ImportGraph) -> None:
    modules = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    TopologicalSorter(modules).prepare()


def test_no_circle():
    """Finds what the contracts in pyproject.toml leave out: a module and its own package."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    check(graph)
    graph.add_import(importer="runs.models.abstract_run", imported="runs.models")
    with pytest.raises(CycleError):
        check(graph)
