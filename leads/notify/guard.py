"""Where a webhook may go: to public addresses by https, never to the inside of the network the portal stands in.

A name is resolved once, every address it has must be public, and the connection goes to an address that was checked. So a
name that answers otherwise the second time wins nothing. Checked when an address is stored and again at each attempt.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

Address = IPv4Address | IPv6Address
LONGEST = 2000
# Besides what is not global by the registries: shared, benchmark, relay and reserved ranges, some of which Python's versions
# judge differently.
REFUSED_4 = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
GLOBAL_6 = ip_network("2000::/3")  # the only part of IPv6 that is routed
REFUSED_6 = tuple(ip_network(text) for text in ("2001::/23", "2001:db8::/32", "3fff::/20"))
NAT64 = ip_network("64:ff9b::/96")
Resolver = Callable[[str, int], list[str]]


class RefusedAddress(ValueError):
    """A webhook may not go there; the words say why."""


class NoSuchName(OSError):
    """The name of the other side cannot be resolved now."""


@dataclass(frozen=True, slots=True)
class Place:
    """A parsed address of a webhook: where to connect and what to ask for."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"


def parse(url: str) -> Place:
    """The parts of an address a webhook may have; `RefusedAddress` says what is wrong with any other."""
    if len(url) > LONGEST:
        raise RefusedAddress(f"The address has {len(url)} characters; {LONGEST} fit.")
    if any(character <= " " or character in '\\\x7f<>"' for character in url):
        raise RefusedAddress("An address has no blanks, backslashes or control characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RefusedAddress("This is not an address. Expected: https://name/path") from error
    allowed = ("https", "http") if settings.WEBHOOK_ALLOW_HTTP else ("https",)
    if parts.scheme not in allowed:
        raise RefusedAddress(f"The address must begin with {' or '.join(f'{scheme}://' for scheme in allowed)}.")
    if "@" in parts.netloc:
        raise RefusedAddress("An address carries no user name or password.")
    host = (parts.hostname or "").rstrip(".")
    try:
        host = host if ":" in host else host.encode("idna").decode()
    except UnicodeError as error:
        raise RefusedAddress(f"“{host}” is not the name of a host.") from error
    if not host:
        raise RefusedAddress("The address names no host.")
    port = port if port is not None else 443 if parts.scheme == "https" else 80
    ports = {*settings.WEBHOOK_PORTS, *((80, 8080) if settings.WEBHOOK_ALLOW_HTTP else ())}
    if port not in ports:
        raise RefusedAddress(f"Port {port} is not among those webhooks may use: {', '.join(map(str, sorted(ports)))}.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii():
        raise RefusedAddress(
            "The path of the address has letters that must be written as %…; copy it as the other system shows it."
        )
    return Place(parts.scheme, host, port, path)


def checked_addresses(place: Place, *, within_s: float, resolver: Resolver | None = None) -> list[str]:
    """The addresses to connect to, all of them public. `RefusedAddress` when one is not, `NoSuchName` when there is none."""
    found = _in_time(resolver or system_resolver, place.host, place.port, within_s)
    if not found:
        raise NoSuchName(f"{place.host} has no address")
    for text in found:
        if not is_public(text):
            raise RefusedAddress(f"{place.host} leads to {text}, which is not a public address.")
    return found


def is_public(text: str) -> bool:
    """Whether an address lies outside every private, local, shared, special or multicast range, or in a network set as allowed.

    An IPv4 address inside an IPv6 one (mapped, 6to4, Teredo, NAT64) is judged as what it is.
    """
    address = ip_address(text.partition("%")[0])
    inner = _inner(address)
    if inner is not None:
        return is_public(str(inner))
    if any(address in ip_network(allowed) for allowed in settings.WEBHOOK_ALLOW_NETWORKS):
        return True
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in net for net in REFUSED_4)
    return address in GLOBAL_6 and address.is_global and not any(address in net for net in REFUSED_6)


def _inner(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else None


def system_resolver(host: str, port: int) -> list[str]:
    """Every address of a host, in the order to try them."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NoSuchName(f"{host} cannot be resolved: {error}") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _in_time(resolver: Resolver, host: str, port: int, within_s: float) -> list[str]:
    """What the resolver says, as long as it says it in time: the system's knows no limit, so it is asked in a thread."""
    said: list[Any] = []

    def ask() -> None:
        try:
            said.append(resolver(host, port))
        except (OSError, ValueError) as error:  # handed over to whoever waits
            said.append(error)

    thread = threading.Thread(target=ask, daemon=True, name=f"resolve {host}")
    thread.start()
    thread.join(max(0.0, within_s))
    if not said:
        raise NoSuchName(f"{host} could not be resolved in time")
    if isinstance(said[0], Exception):
        raise said[0]
    return list(said[0])
