"""Execution of a run: dispatch, lease, executor, reports, reaper, removal."""
