"""The runs over HTTP."""
