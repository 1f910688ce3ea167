"""Writing prepared bytes to the transport of each ASGI server, and limits for its peers."""
