"""The crews over HTTP."""
