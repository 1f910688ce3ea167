"""The address by which a limit counts a client."""

from functools import lru_cache
from ipaddress import IPv4Address, ip_address

IPV6_PREFIX_BITS = 64  # a site gets at least such a network, so all of it counts as one client


@lru_cache(maxsize=10_000)
def counted(host: str | None) -> str:
    """Return the IPv4 address of the client at ``host``, or the first address of its IPv6 network.

    The server reads ``host`` from the connection or from a trusted proxy. All hosts that are not
    addresses, as with a unix socket, count as one client.
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
