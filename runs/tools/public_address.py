"""Resolves a host once and rejects addresses that are not public (server-side request forgery).

The caller connects to the returned addresses, not to the name. If the name were resolved a second
time, it could now point to 127.0.0.1 or to a cloud's metadata service.
"""

import socket
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

# Ranges that carry an IPv4 address, possibly a private one, to a translator or a tunnel.
TRANSLATED = tuple(
    IPv6Network(network)
    for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")
)


class NotPublic(ValueError):
    """The host has no address that connections may use. The message says why."""


def resolve(host: str, port: int, *, private_hosts: Collection[str] = ()) -> list[str]:
    """Return the addresses of `host`. All are public, unless `private_hosts` contains the host.

    Raises NotPublic, also if only one of the addresses is private.
    """
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotPublic(f"The host {host} was not found.") from None
    addresses = list(dict.fromkeys(str(answer[4][0]).partition("%")[0] for answer in answers))
    if host not in private_hosts and not all(is_public(address) for address in addresses):
        raise NotPublic(f"The host {host} has a private address (TOOLS_GIT_PRIVATE_HOSTS).")
    return addresses


def is_public(text: str) -> bool:
    """Whether the address is on the public internet."""
    address: IPv4Address | IPv6Address = ip_address(text)
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return is_public(str(address.ipv4_mapped))
        if any(address in network for network in TRANSLATED):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved
