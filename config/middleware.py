"""Around every request: an id and one log line, the person's time zone, and an honest page for each domain error."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable
from urllib.parse import quote, urlsplit

from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers

from config import health, metrics
from config.logs import request_id
from leads.errors import AccordError, Conflict, Invalid, NotAllowed, NotFound

GetResponse = Callable[[HttpRequest], HttpResponseBase]
GIVEN_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")
STATUS: tuple[tuple[type[AccordError], int, str], ...] = (
    (NotFound, 404, "Not found"),
    (NotAllowed, 403, "Not allowed"),
    (Conflict, 409, "Somebody was faster"),
    (Invalid, 422, "That cannot be right"),
    (AccordError, 422, "That was refused"),
)
# Of these addresses the rest is as good as a password.
_OPENS_AN_ACCOUNT = re.compile(r"(/password_reset/(?=[^/]+/.)|/answer/).+")
logger = logging.getLogger("accord.web")


def status_of(error: AccordError) -> tuple[int, str]:
    """The HTTP status and the heading a domain error is answered with."""
    return next((status, title) for kind, status, title in STATUS if isinstance(error, kind))


class RequestLog:
    """Gives each request an id (the proxy's, when it sends a sane one), returns it, and writes one line with the outcome."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        held = given if GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
        token = request_id.set(held)
        began = time.perf_counter()
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = held
            if request.path not in ANSWERED_FIRST:
                self._write(request, response.status_code, (time.perf_counter() - began) * 1000)
            return response
        finally:
            request_id.reset(token)

    @staticmethod
    def _write(request: HttpRequest, status: int, milliseconds: float) -> None:
        user = getattr(request, "_cached_user", None)  # only when the request needed it anyway
        logger.log(
            logging.ERROR if status >= 500 else logging.INFO,
            "%s %s %d", request.method, _OPENS_AN_ACCOUNT.sub(r"\1…", request.path), status,
            extra={"ms": round(milliseconds, 1), "user": getattr(user, "pk", None)},
        )  # fmt: skip


ANSWERED_FIRST = {health.PATH: health.healthz, metrics.PATH: metrics.metrics}


class HealthFirst:
    """Answers monitors before anything asks for a host they cannot know, for https, or for the database."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = ANSWERED_FIRST.get(request.path)
        return answer(request) if answer else self.get_response(request)


class PersonsZone:
    """Times of a page are shown in the zone of the person who reads it; a login that expired under htmx leads to a whole page."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with timezone.override(request.user.zone if request.user.is_authenticated else None):
            response = self.get_response(request)
        return self._whole_login(request, response)

    @staticmethod
    def _whole_login(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        target = response.headers.get("Location", "")
        if request.headers.get("HX-Request") and response.status_code == 302 and target.split("?")[0] == reverse("admin:login"):
            here = _path_of(request.headers.get("HX-Current-URL", ""))
            answer = HttpResponse(status=204)
            answer["HX-Redirect"] = reverse("admin:login") + (f"?next={here}" if here else "")
            return answer
        return response


def _path_of(address: str) -> str:
    """What of an address the sign-in page may lead back to; "" when it is no address."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return quote(parts.path + (f"?{parts.query}" if parts.query else ""))


class DomainErrors:
    """The one place where a refusal becomes a page: 404, 403, 409 or 422, with the error's own words."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, ValueError | DataError) and "NUL" in str(error):  # the database's driver stores none
            error = Invalid("The text holds a character that cannot be stored (NUL). Take it out and send it again.", code="nul")
        if not isinstance(error, AccordError):
            return None
        status, title = status_of(error)
        logger.info("refused: %s", error.message, extra={"code": error.code, "status": status})
        context = {"title": title, "message": error.message, "code": error.code, "request_id": request_id.get()}
        if not request.headers.get("HX-Request"):
            response = render(request, f"{status}.html", context, status=status)
        elif status in (409, 422):
            response = render(request, "errors/_refused.html", context, status=status)
        else:  # not swapped: the page's script shows it as a toast
            response = HttpResponse(error.message, status=status, content_type="text/plain; charset=utf-8")
        patch_vary_headers(response, ["HX-Request"])
        return response
