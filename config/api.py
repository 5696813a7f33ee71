"""API v1: the apps' routers under one roof, one answer for each kind of error, the OpenAPI document and its page."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from leads.api import BadRequest, Forbidden, TooLarge, TooMany, Unauthorized, router
from leads.errors import AccordError, Conflict, Invalid, NotAllowed, NotFound
from leads.pages import render

VERSION = "1.0"

api = NinjaAPI(
    title="Accord",
    version=VERSION,
    description="Send leads, what they did and what became of them; read a lead with its score. Sign requests with a key: "
    "Authorization: Bearer acc_… Times carry a zone. A refusal says why, with a stable code.",
    docs_url=None,
    openapi_url="/openapi.json",
    urls_namespace="api-1",
)
api.add_router("", router)

# The status of each kind of refusal; the first that fits counts.
STATUS: tuple[tuple[type[AccordError], int], ...] = (
    (Unauthorized, 401),
    (Forbidden, 403),
    (TooMany, 429),
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


@api.exception_handler(RequestDataTooBig)
def too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return refusal(request, 413, "too_large", "The body is longer than the API takes. Send fewer items at once.", field="")


def wrong_method(request: HttpRequest, allowed: str) -> HttpResponse:
    """JSON for whoever asks an address of the API by a method that it does not take."""
    allowed = ", ".join(sorted(allowed.split(", ")))
    message = f"{request.method} is not taken here; use {allowed}."
    response = refusal(request, 405, "wrong_method", message, field="", expected=allowed)
    response["Allow"] = allowed
    return response


def _in_one_shape(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The view of an address, whose bare refusal of a method is told in the API's own shape."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        return wrong_method(request, response["Allow"]) if isinstance(response, HttpResponseNotAllowed) else response

    return answer


@csrf_exempt
def unknown_place(request: HttpRequest, rest: str = "") -> HttpResponse:
    """JSON for whoever asks for an address the API does not have."""
    return refusal(request, 404, "unknown_address", "The API has no such address; see /api/v1/docs.", field="")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a request's body, for the page."""

    name: str
    type: str
    words: str
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
                        (status, answer.get("description", "")) for status, answer in operation.get("responses", {}).items()
                    ],
                }
            )
    return render(request, "leads/api_docs.html", {"operations": operations, "version": VERSION}, title="API")


_NO_BRACES = str.maketrans("", "", "{}")


def _parameters(operation: dict[str, Any]) -> Iterator[Field]:
    for one in operation.get("parameters", ()):
        yield Field(one["name"], _type(one.get("schema", {})), one.get("description", ""), one.get("required", False), "")


def _fields(schema: dict[str, Any], prefix: str = "") -> Iterator[Field]:
    """The fields of an object, those of inner objects after it with a dot, those of lists of objects with []."""
    required = schema.get("required", ())
    for name, inner in schema.get("properties", {}).items():
        example = inner.get("examples", [""])[0]
        yield Field(f"{prefix}{name}", _type(inner), inner.get("description", ""), name in required, str(example))
        for shape in (inner, *inner.get("anyOf", ())):
            if shape.get("properties"):
                yield from _fields(shape, f"{prefix}{name}.")
            elif shape.get("items", {}).get("properties"):
                yield from _fields(shape["items"], f"{prefix}{name}[].")


def _type(schema: dict[str, Any]) -> str:
    names = [_type(one) for one in schema.get("anyOf", ())] or [schema.get("format") or schema.get("type", "")]
    return " or ".join(dict.fromkeys(name for name in names if name and name != "null"))


_patterns, _app, _namespace = api.urls
for _pattern in _patterns:
    if isinstance(_pattern, URLPattern):
        _pattern.callback = _in_one_shape(_pattern.callback)

urlpatterns = [
    path("docs", admin.site.admin_view(docs), name="api-docs"),
    path("", (_patterns, _app, _namespace)),
    path("<path:rest>", unknown_place),
]
