"""``make guards`` removes one guard of the code at a time: a test must fail without it."""
