"""API v1: the apps' routers under one roof, one answer for each kind of error, the OpenAPI document and its page."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError
from django.urls import path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema

from config.logs import request_id
from leads.api import BadRequest, Forbidden, LengthRequired, TooLarge, TooMany, Unauthorized, router
from leads.api_document import ERRORS, ITEM_CODES, LIMIT_IN_WORDS, schemas, shapes
from leads.errors import AccordError, Conflict, Invalid, NotAllowed, NotFound
from leads.pages import render
from leads.slots import slots
from scoring.api import SHAPES as CRITERIA
from scoring.api import router as criteria_router

VERSION = "1.0"

logger = logging.getLogger("accord.api")


class Api(NinjaAPI):
    """The API whose document has the shapes of what it answers, those of the layers above included."""

    def get_openapi_schema(self, *args: Any, **kwargs: Any) -> OpenAPISchema:
        document = super().get_openapi_schema(*args, **kwargs)
        document["components"]["schemas"].update(schemas(slots.api_shapes) | shapes(CRITERIA))
        return document


api = Api(
    title="Accord",
    version=VERSION,
    description="Send leads, what they did and what became of them; read a lead with its score. Sign requests with a key: "
    "Authorization: Bearer acc_… Times carry a zone. A refusal says why, with a stable code. "
    f"A body has at most {LIMIT_IN_WORDS}.",
    docs_url=None,
    openapi_url="/openapi.json",
    urls_namespace="api-1",
)
api.add_router("", router)
api.add_router("", criteria_router)

# The status of each kind of refusal; the first that fits counts.
STATUS: tuple[tuple[type[AccordError], int], ...] = (
    (Unauthorized, 401),
    (Forbidden, 403),
    (TooMany, 429),
    (LengthRequired, 411),
    (TooLarge, 413),
    (BadRequest, 400),
    (NotFound, 404),
    (NotAllowed, 403),
    (Conflict, 409),
    (AccordError, 422),
)


def refusal(request: HttpRequest, status: int, code: str, message: str, **more: Any) -> HttpResponse:
    """The one shape in which the API says no."""
    return api.create_response(request, {"error": {"code": code, "message": message, **more}}, status=status)


@api.exception_handler(AccordError)
def refused(request: HttpRequest, error: AccordError) -> HttpResponse:
    status = next(status for kind, status in STATUS if isinstance(error, kind))
    more: dict[str, Any] = {"field": ""}
    if isinstance(error, Invalid):
        more = {"field": error.field, "value": error.value, "expected": error.expected}
    response = refusal(request, status, error.code, error.message, **more)
    if isinstance(error, TooMany):
        response["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthorized):
        response["WWW-Authenticate"] = "Bearer"
    return response


@api.exception_handler(ValidationError)
def misnamed(request: HttpRequest, error: ValidationError) -> HttpResponse:
    first: dict[str, Any] = error.errors[0] if error.errors else {}
    field = ".".join(str(step) for step in first.get("loc", ())[1:])
    return refusal(request, 422, "invalid", f"{field}: {first.get('msg', 'not understood')}.", field=field)


@api.exception_handler(HttpError)
def http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    return refusal(request, error.status_code, "bad_request", str(error), field="")


@api.exception_handler(Http404)
def nowhere(request: HttpRequest, error: Http404) -> HttpResponse:
    return unknown_place(request)


@api.exception_handler(UnreadablePostError)
def broken_off(request: HttpRequest, error: UnreadablePostError) -> HttpResponse:
    return refusal(request, 400, "bad_json", "The body broke off.", field="")


@api.exception_handler(Exception)
def failed(request: HttpRequest, error: Exception) -> HttpResponse:
    """A fault of ours: the sender learns that it was one and under which id our log has it, and nothing else."""
    held = request_id.get()
    logger.error("API failed: %s %s", request.method, request.path, exc_info=error)
    words = f"The portal failed at this request. Its log has more under the request id {held}."
    return refusal(request, 500, "internal", words, field="", request_id=held)


def wrong_method(request: HttpRequest, allowed: str) -> HttpResponse:
    """JSON for whoever asks an address of the API by a method that it does not take."""
    allowed = ", ".join(sorted(allowed.split(", ")))
    message = f"{request.method} is not taken here; use {allowed}."
    response = refusal(request, 405, "wrong_method", message, field="", expected=allowed)
    response["Allow"] = allowed
    return response


@csrf_exempt
def unknown_place(request: HttpRequest, rest: str = "") -> HttpResponse:
    """JSON for whoever asks for an address the API does not have."""
    return refusal(request, 404, "unknown_address", "The API has no such address; see /api/v1/docs.", field="")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a request's body, for the page."""

    name: str
    type: str
    words: SafeString
    required: bool
    example: str


def docs(request: HttpRequest) -> HttpResponse:
    """The API in words for people, made from the same document that programs read."""
    operations = []
    for address, methods in api.get_openapi_schema()["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            operations.append(
                {
                    "id": f"{method}-{address.strip('/').replace('/', '-').translate(_NO_BRACES)}",
                    "method": method.upper(),
                    "path": address,
                    "summary": operation.get("summary", ""),
                    "scope": operation.get("x-scope", ""),
                    "is_batch": bool(body) and "items" in body.get("properties", {}),
                    "fields": list(_fields(body)) if body else list(_parameters(operation)),
                    "answers": [
                        (
                            status,
                            _with_code(answer["description"]),
                            answer["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2],
                        )
                        for status, answer in operation["responses"].items()
                        if status < 300
                    ],
                }
            )
    context = {
        "operations": operations,
        "errors": [(status, _with_code(words), codes) for status, (words, codes) in ERRORS.items()],
        "item_codes": ITEM_CODES,
        "limit": LIMIT_IN_WORDS,
        "version": VERSION,
    }
    return render(request, "leads/api_docs.html", context, title="API")


def _with_code(words: str) -> SafeString:
    """Words as HTML, what stands between backticks as code."""
    parts = enumerate(words.split("`"))
    return format_html_join("", "{}", ((format_html("<code>{}</code>", part) if at % 2 else part,) for at, part in parts))


_NO_BRACES = str.maketrans("", "", "{}")


def _parameters(operation: dict[str, Any]) -> Iterator[Field]:
    for one in operation.get("parameters", ()):
        yield Field(
            one["name"], _type(one.get("schema", {})), _with_code(one.get("description", "")), one.get("required", False), ""
        )


def _fields(schema: dict[str, Any], prefix: str = "") -> Iterator[Field]:
    """The fields of an object, those of inner objects after it with a dot, those of lists of objects with []."""
    required = schema.get("required", ())
    for name, inner in schema.get("properties", {}).items():
        example = inner.get("examples", [""])[0]
        yield Field(f"{prefix}{name}", _type(inner), _with_code(inner.get("description", "")), name in required, str(example))
        for shape in (inner, *inner.get("anyOf", ())):
            if shape.get("properties"):
                yield from _fields(shape, f"{prefix}{name}.")
            elif shape.get("items", {}).get("properties"):
                yield from _fields(shape["items"], f"{prefix}{name}[].")


def _type(schema: dict[str, Any]) -> str:
    names = [_type(one) for one in schema.get("anyOf", ())] or [schema.get("format") or schema.get("type", "")]
    return " or ".join(dict.fromkeys(name for name in names if name and name != "null"))


def _refusing_in_json(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """The view, with django-ninja's plain answer to a method it does not have as one of ours."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        return wrong_method(request, response.headers["Allow"]) if response.status_code == 405 else response

    return answer


_patterns, _app_name, _namespace = api.urls
for _pattern in _patterns:
    assert _pattern.callback is not None
    _pattern.callback = _refusing_in_json(_pattern.callback)

urlpatterns = [
    path("docs", admin.site.admin_view(docs), name="api-docs"),
    path("", (_patterns, _app_name, _namespace)),
    path("<path:rest>", unknown_place),
]
