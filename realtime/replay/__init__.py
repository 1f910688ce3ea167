"""The state of a run at any moment, from the event log and the live pages' reducer."""
