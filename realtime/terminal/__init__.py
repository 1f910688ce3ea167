"""A terminal client of the three sockets: it knows the wire contract and nothing of the server."""
