"""Between log and sockets: a stateful test of all interleavings, and concurrent writers."""
