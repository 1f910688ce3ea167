"""The state of a run at any moment, computed from the event log by the reducer of the live
pages.
"""
