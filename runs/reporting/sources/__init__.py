"""Maps the data of other programs to the events of `docs/reporting.md`. One file per program."""
