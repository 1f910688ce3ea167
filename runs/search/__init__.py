"""Search over runs, tool calls and model calls: an index in the database, and queries of it."""
