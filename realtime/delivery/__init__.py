"""How an event reaches the sockets of a process: subscription, hub, follower, channel layer."""
