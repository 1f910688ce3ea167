"""The three sockets: authenticate, authorize, join, catch up, relay."""
