"""Addresses that we call: what a name leads to, and which of them nobody may be sent to."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, as text; raises OSError."""

_METADATA = frozenset(
    ipaddress.ip_address(one) for one in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "192.0.0.192")
)
"""Where clouds give a machine's own credentials to whoever asks from it."""


async def resolved(host: str, port: int) -> Sequence[str]:
    """The usual Resolve: what the system says."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(one[4][0]) for one in found]


async def allowed_address(host: str, port: int, resolve: Resolve = resolved) -> Address | None:
    """The first address of a host that may be called, to be connected to itself: names change. None without one.

    A host that is written as an address stands so in the operator's list, digit by digit, and is taken as it is.
    Raises OSError when the name leads nowhere.
    """
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    for text in await resolve(host, port):
        address = ipaddress.ip_address(text.partition("%")[0])
        if not forbidden(address):
            return address
    return None


def forbidden(address: Address) -> bool:
    """Addresses that no partner has: of the link itself, of many, of nobody, of a cloud's inside."""
    inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    seen = inner or address
    if seen.is_loopback:
        return False
    return seen.is_link_local or seen.is_multicast or seen.is_unspecified or seen.is_reserved or seen in _METADATA
