"""Which address a limit counts."""

from functools import lru_cache
from ipaddress import IPv4Address, ip_address

IPV6_PREFIX_BITS = 64  # a site gets at least this much, so what is below is one client


@lru_cache(maxsize=10_000)
def counted(host: str | None) -> str:
    """What stands for the client at ``host``: an IPv4 address, the first of an IPv6 network.

    ``host`` is what the server took from the connection, or from a trusted proxy. What is no
    address, as of a unix socket, counts as one client.
    """
    try:
        address = ip_address(host or "")
    except ValueError:
        return "0.0.0.0"
    if isinstance(address, IPv4Address):
        return str(address)
    if mapped := address.ipv4_mapped:
        return str(mapped)
    return str(type(address)(int(address) >> IPV6_PREFIX_BITS << IPV6_PREFIX_BITS))
