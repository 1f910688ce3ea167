"""A terminal client of the three sockets: it depends on the wire contract only."""
