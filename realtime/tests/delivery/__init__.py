"""Between the log and the sockets: a stateful test of all interleavings, and writers that race."""
