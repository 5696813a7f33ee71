"""What a request costs the server: its time from the first middleware to the last, and the processor time of its thread."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponseBase

HEADER = "Server-Timing"


@dataclass(frozen=True, slots=True)
class Spent:
    """Milliseconds of one request in the web process; the database's processor time is not in `cpu`, waiting for it is in `wall`."""

    wall: float
    cpu: float

    @classmethod
    def of(cls, header: str) -> "Spent":
        """From the header as `ServerTime` writes it."""
        wall, cpu = (float(part.partition("dur=")[2]) for part in header.split(","))
        return cls(wall, cpu)


class ServerTime:
    """Tells with each answer what it cost."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began, cpu = time.perf_counter(), time.thread_time()
        response = self.get_response(request)
        spent = (time.perf_counter() - began) * 1000, (time.thread_time() - cpu) * 1000
        response[HEADER] = "wall;dur={:.2f},cpu;dur={:.2f}".format(*spent)
        return response
