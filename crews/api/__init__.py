"""The HTTP API of crews and organizations."""
