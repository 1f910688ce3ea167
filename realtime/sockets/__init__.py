"""The sockets: authenticate, authorize, join, catch up, relay."""
