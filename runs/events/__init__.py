"""The events of the protocol: their kinds, which changes emit them, and the state they describe."""
