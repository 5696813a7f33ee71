"""One POST to another system: to a checked address, within one limit of time for everything, and little of the answer is read."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leads.notify.guard import Place, Resolver, checked_addresses, parse

LIMIT_S = 15.0
EXCERPT = 500
READ_AT_MOST = 4096  # of the answer's body
TAKEN_AT_MOST = 64 * 1024  # with its headers


class Unreachable(OSError):
    """There was no answer. `at_all`: there was no connection either, so the other side never saw the message."""

    def __init__(self, words: str, *, at_all: bool) -> None:
        super().__init__(words)
        self.at_all = at_all


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, how long it took, the first of its text, and its Retry-After."""

    status: int
    ms: int
    excerpt: str
    retry_after: str


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, limit_s: float = LIMIT_S, resolver: Resolver | None = None
) -> Answer:
    """Send `body` and read the answer's status. No redirect is followed, no proxy of the environment is used.

    Raises `RefusedAddress` before connecting anywhere, `Unreachable` when no answer came within `limit_s`.
    """
    began = time.monotonic()
    deadline = began + limit_s
    place = parse(url)
    connection = _Pinned(place, deadline, resolver)
    try:
        try:
            connection.connect()
        except (OSError, ssl.SSLError) as error:
            raise Unreachable(_words(error), at_all=True) from error
        try:
            connection.putrequest("POST", place.path, skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": place.authority, "Content-Length": str(len(body)), **headers}.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            text = response.read(READ_AT_MOST) if response.status != 204 else b""
        except (OSError, ssl.SSLError, http.client.HTTPException) as error:
            raise Unreachable(_words(error), at_all=False) from error
        return Answer(
            status=response.status,
            ms=round((time.monotonic() - began) * 1000),
            excerpt=text.decode("utf-8", "replace")[:EXCERPT].replace("\x00", ""),
            retry_after=response.headers.get("Retry-After", ""),
        )
    finally:
        connection.hang_up()


class _Pinned(http.client.HTTPConnection):
    """A connection to an address that was checked; TLS still asks for the name."""

    def __init__(self, place: Place, deadline: float, resolver: Resolver | None) -> None:
        super().__init__(place.host, place.port)
        self._place = place
        self._deadline = deadline
        self._resolver = resolver
        self._wire: socket.socket | None = None

    def connect(self) -> None:
        addresses = checked_addresses(self._place, within_s=_left(self._deadline), resolver=self._resolver)
        for number, address in enumerate(addresses, 1):
            try:
                self._wire = socket.create_connection((address, self._place.port), timeout=_left(self._deadline))
                break
            except OSError:
                if number == len(addresses):
                    raise
        assert self._wire is not None
        if self._place.scheme == "https":
            self._wire.settimeout(_left(self._deadline))
            self._wire = ssl.create_default_context().wrap_socket(self._wire, server_hostname=self._place.host)
        self.sock = _Timed(self._wire, self._deadline)

    def hang_up(self) -> None:
        if self._wire is not None:
            self._wire.close()


class _Timed:
    """A socket whose every operation ends at the same moment, however slowly the other side drips."""

    def __init__(self, wire: socket.socket, deadline: float) -> None:
        self._wire = wire
        self._deadline = deadline

    def sendall(self, data: Any) -> None:
        self._wire.settimeout(_left(self._deadline))
        self._wire.sendall(data)

    def makefile(self, mode: str, *more: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._wire, self._deadline))

    def close(self) -> None:
        """The one who made the connection closes it, after the answer was read."""


class _Reader(io.RawIOBase):
    def __init__(self, wire: socket.socket, deadline: float) -> None:
        self._wire = wire
        self._deadline = deadline
        self._taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._taken >= TAKEN_AT_MOST:
            return 0
        self._wire.settimeout(_left(self._deadline))
        got = self._wire.recv_into(buffer)
        self._taken += got
        return got


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    return left


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
