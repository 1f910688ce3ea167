"""Where versions of CrewAI have the classes of their events."""

from types import SimpleNamespace

from crewops_client.adapters import crewai_entries
from crewops_client.adapters.crewai_entries import EVENTS, kinds_of
from crewops_client.notices import Notices


def test_events_are_found_in_either_module_and_what_is_in_none_is_logged_once(caplog, monkeypatch):
    monkeypatch.setattr(crewai_entries, "_notices", Notices())
    first, missing, *others = EVENTS
    events = SimpleNamespace(**{first: "new"})
    event_types = SimpleNamespace(**{first: "old"}, **{name: name for name in others})
    for _ in range(2):
        assert kinds_of(events, event_types) == ["new", *others]
    assert [each.message for each in caplog.records] == [
        f"crewops: this version of CrewAI has no {missing}: a part is not shown"
    ]
