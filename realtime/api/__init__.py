"""The event log over HTTP: the same events that the sockets carry, a page at a time."""
