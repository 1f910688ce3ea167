"""What other programs send, mapped to the events of `docs/reporting.md`. One file per program."""
