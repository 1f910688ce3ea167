"""Runs that external programs report: `docs/reporting.md`."""
