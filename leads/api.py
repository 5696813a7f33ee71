"""API v1 of the facts: leads, activities and outcomes come in, a lead with its score goes out."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.security import HttpBearer
from pydantic import BaseModel

from leads import clock
from leads.api_answers import batch_json, lead_json, taken_json
from leads.api_document import API_MAX_BYTES, LIMIT_IN_WORDS, lead_answers, post_answers
from leads.errors import AccordError, Invalid, NotFound
from leads.intake import wire
from leads.intake.answers import Answer, answer_once
from leads.intake.batch import take_in, take_in_activities, take_in_outcomes
from leads.intake.incoming import MOST_AT_ONCE, Taken
from leads.intake.keys import Admitted, admit
from leads.intake.reading import is_storable, plain_system, shown
from leads.lib.folding import email_key
from leads.models import ApiKey, Lead

DEEPEST = 24
MOST_THROWN_AWAY = 8 * API_MAX_BYTES
Shape = TypeVar("Shape", bound=BaseModel)


class Unauthorized(AccordError):
    """No key, or none that is known."""

    code = "unauthorized"


class Forbidden(AccordError):
    """The key may not do this."""

    code = "wrong_scope"


class TooMany(AccordError):
    """The key's rate is used up for now."""

    code = "rate_limited"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many requests with this key. Try again in {retry_after} s.")
        self.retry_after = retry_after


class TooLarge(AccordError):
    """The body is longer than the API takes."""

    code = "too_large"


class LengthRequired(AccordError):
    """The body comes in pieces of unknown number, of which the server would show us none."""

    code = "length_required"


class BadRequest(AccordError):
    """The body is no JSON of the right kind."""

    code = "bad_json"


class KeyAuth(HttpBearer):
    """Admits requests signed by an active key of `scope`, at the key's rate."""

    def __init__(self, scope: ApiKey.Scope) -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> Admitted:
        kind, _, secret = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not secret.strip():
            raise Unauthorized("Sign the request with a key: Authorization: Bearer acc_…", code="no_key")
        return self.authenticate(request, secret.strip())

    def authenticate(self, request: HttpRequest, token: str) -> Admitted:
        admitted = admit(token)
        if admitted is None:
            raise Unauthorized("There is no such key, or it was revoked.", code="unknown_key")
        if admitted.retry_after is not None:
            raise TooMany(admitted.retry_after)
        if self.scope not in admitted.scopes:
            raise Forbidden(f"The key needs the scope {self.scope.value}.")
        return admitted


router = Router(tags=["Leads"])


def _inline(shape: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a shape without references, for the OpenAPI document."""
    schema = shape.model_json_schema()
    definitions = schema.pop("$defs", {})

    def resolved(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                rest = {key: value for key, value in node.items() if key != "$ref"}
                return {**resolved(definitions[node["$ref"].rpartition("/")[2]]), **rest}
            return {key: resolved(value) for key, value in node.items()}
        return [resolved(item) for item in node] if isinstance(node, list) else node

    return dict(resolved(schema))


def _takes(shape: type[BaseModel], scope: ApiKey.Scope, *, batch: bool = False) -> dict[str, Any]:
    item = _inline(shape)
    schema = (
        {
            "title": f"{shape.__name__}Batch",
            "type": "object",
            "required": ["items"],
            "additionalProperties": False,
            "properties": {"items": {"type": "array", "maxItems": MOST_AT_ONCE, "items": item}},
        }
        if batch
        else item
    )
    header = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "maxLength": 200},
        "description": "The same key with the same body gets the answer once given; kept for a day.",
    }
    return {
        "requestBody": {
            "required": True,
            "description": f"At most {LIMIT_IN_WORDS}." if batch else f"At most {LIMIT_IN_WORDS.partition(',')[0]}.",
            "content": {"application/json": {"schema": schema}},
        },
        "parameters": [header],
        "responses": post_answers(is_batch=batch),
        "x-scope": scope.value,
    }


@dataclass(frozen=True, slots=True)
class _Post:
    """A request's key, body and time."""

    admitted: Admitted
    data: dict[str, Any]
    at: Any


def _answer(request: HttpRequest, work: Callable[[_Post], Answer]) -> HttpResponse:
    """Read the body, do the work once for an Idempotency-Key, and answer."""
    admitted: Admitted = request.auth  # type: ignore[attr-defined]
    body = _body(request)
    at = clock.now()
    post = _Post(admitted, _parsed(body), at)
    key = request.headers.get("Idempotency-Key", "")
    answer = answer_once(admitted.key_id, key, f"{request.method} {request.path}\n".encode() + body, at, lambda: work(post))
    response = _json(answer.status, answer.body)
    if answer.is_repeat:
        response["Idempotent-Replay"] = "true"
    return response


def _json(status: int, body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(
        json.dumps(body, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":")),
        content_type="application/json",
        status=status,
    )


def _body(request: HttpRequest) -> bytes:
    """The body of a request, read past Django's limit, which is one for forms: a thousand items have to fit."""
    if request.headers.get("Transfer-Encoding") and not request.headers.get("Content-Length"):
        raise LengthRequired("Send the body with a Content-Length; one in chunks is not taken.")
    try:
        length = int(request.headers.get("Content-Length") or 0)
    except ValueError:
        length = 0
    if length > API_MAX_BYTES:
        # A connection closed on unread bytes is reset, and the sender would never read why.
        thrown_away = 0
        while thrown_away < MOST_THROWN_AWAY and (piece := request.read(1 << 16)):
            thrown_away += len(piece)
        raise TooLarge(f"The body has {length:,} bytes; at most {API_MAX_BYTES:,} ({LIMIT_IN_WORDS}). Send fewer items at once.")
    return request.read()


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body, parse_constant=_not_json)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise BadRequest(f"The body is not valid JSON{where}.") from error
    if not isinstance(data, dict):
        raise BadRequest("The body must be a JSON object.", code="not_object")
    level: list[Any] = [data]
    for _ in range(DEEPEST):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return data
    raise BadRequest(f"The body is nested deeper than {DEEPEST} levels.", code="too_deep")


def _items(post: _Post) -> list[dict[str, Any]]:
    unknown = sorted(set(post.data) - {"items"})
    if unknown or not isinstance(post.data.get("items"), list):
        raise Invalid(
            "A batch is an object with a list of items.",
            code="unknown_field" if unknown else "not_list",
            field=str(shown(unknown[0])) if unknown else "items",
            expected='{"items": [...]}',
        )
    items: list[Any] = post.data["items"]
    if len(items) > MOST_AT_ONCE:
        raise Invalid(
            f"{len(items):,} items at once; at most {MOST_AT_ONCE:,}.",
            code="too_many_items",
            field="items",
            value=len(items),
            expected=f"at most {MOST_AT_ONCE}",
        )
    return [item if isinstance(item, dict) else {"item": item} for item in items]


def _one(answers: Sequence[Taken]) -> Answer:
    (taken,) = answers
    body = taken_json(taken)
    if taken.status != "refused":
        return Answer(201 if taken.status == "created" else 200, body)
    first = body["problems"][0]
    return Answer(422, {"error": {**first, "problems": body["problems"], "submission_id": taken.submission_id}})


def _take_leads(post: _Post, raws: Sequence[dict[str, Any]]) -> list[Taken]:
    shapes = [wire.shaped(wire.LeadIn, raw) for raw in raws]
    named = {shape.campaign for shape, _ in shapes if shape} | {
        event.campaign for shape, _ in shapes if shape for event in shape.activities
    }
    campaigns = wire.Campaigns(named)
    items = [
        wire.lead_of(raw, shape, problems, campaigns, post.admitted.source)
        for raw, (shape, problems) in zip(raws, shapes, strict=True)
    ]
    return take_in(items, actor=None, channel="api", at=post.at, api_key_id=post.admitted.key_id)


def _take_activities(post: _Post, raws: Sequence[dict[str, Any]]) -> list[Taken]:
    shapes = [wire.shaped(wire.ActivityIn, raw) for raw in raws]
    campaigns = wire.Campaigns({shape.campaign for shape, _ in shapes if shape})
    items = [
        wire.activity_of(raw, shape, problems, campaigns, post.admitted.source)
        for raw, (shape, problems) in zip(raws, shapes, strict=True)
    ]
    return take_in_activities(items, actor=None, channel="api", at=post.at, api_key_id=post.admitted.key_id)


def _take_outcomes(post: _Post, raws: Sequence[dict[str, Any]]) -> list[Taken]:
    shapes = [wire.shaped(wire.OutcomeIn, raw) for raw in raws]
    items = [
        wire.outcome_of(raw, shape, problems, post.admitted.source) for raw, (shape, problems) in zip(raws, shapes, strict=True)
    ]
    taken = take_in_outcomes(items, actor=None, channel="api", at=post.at, api_key_id=post.admitted.key_id)
    return [wire.outcome_as_sent(one) for one in taken]


@router.post(
    "/leads",
    auth=KeyAuth(ApiKey.Scope.LEADS_WRITE),
    openapi_extra=_takes(wire.LeadIn, ApiKey.Scope.LEADS_WRITE),
    summary="Send a lead",
)
def post_lead(request: HttpRequest) -> HttpResponse:
    return _answer(request, lambda post: _one(_take_leads(post, [post.data])))


@router.post(
    "/leads/batch",
    auth=KeyAuth(ApiKey.Scope.LEADS_WRITE),
    openapi_extra=_takes(wire.LeadIn, ApiKey.Scope.LEADS_WRITE, batch=True),
    summary="Send up to 1,000 leads",
)
def post_leads(request: HttpRequest) -> HttpResponse:
    return _answer(request, lambda post: Answer(200, batch_json(_take_leads(post, _items(post)))))


@router.post(
    "/activities",
    auth=KeyAuth(ApiKey.Scope.ACTIVITIES_WRITE),
    openapi_extra=_takes(wire.ActivityIn, ApiKey.Scope.ACTIVITIES_WRITE),
    summary="Send an activity",
)
def post_activity(request: HttpRequest) -> HttpResponse:
    return _answer(request, lambda post: _one(_take_activities(post, [post.data])))


@router.post(
    "/activities/batch",
    auth=KeyAuth(ApiKey.Scope.ACTIVITIES_WRITE),
    openapi_extra=_takes(wire.ActivityIn, ApiKey.Scope.ACTIVITIES_WRITE, batch=True),
    summary="Send up to 1,000 activities",
)
def post_activities(request: HttpRequest) -> HttpResponse:
    return _answer(request, lambda post: Answer(200, batch_json(_take_activities(post, _items(post)))))


@router.post(
    "/outcomes",
    auth=KeyAuth(ApiKey.Scope.OUTCOMES_WRITE),
    openapi_extra=_takes(wire.OutcomeIn, ApiKey.Scope.OUTCOMES_WRITE),
    summary="Send an outcome",
)
def post_outcome(request: HttpRequest) -> HttpResponse:
    return _answer(request, lambda post: _one(_take_outcomes(post, [post.data])))


@router.post(
    "/outcomes/batch",
    auth=KeyAuth(ApiKey.Scope.OUTCOMES_WRITE),
    openapi_extra=_takes(wire.OutcomeIn, ApiKey.Scope.OUTCOMES_WRITE, batch=True),
    summary="Send up to 1,000 outcomes",
)
def post_outcomes(request: HttpRequest) -> HttpResponse:
    return _answer(request, lambda post: Answer(200, batch_json(_take_outcomes(post, _items(post)))))


def _reads(*codes: str) -> dict[str, Any]:
    return {"x-scope": ApiKey.Scope.LEADS_READ.value, "responses": lead_answers(*codes)}


@router.get(
    "/leads/{lead_id}",
    auth=KeyAuth(ApiKey.Scope.LEADS_READ),
    openapi_extra=_reads("invalid"),
    summary="Read a lead by id, with its score lines",
)
def get_lead(request: HttpRequest, lead_id: int) -> HttpResponse:
    return _json(200, lead_json(_lead(pk=lead_id if 0 < lead_id < 2**63 else 0)))


@router.get(
    "/leads",
    auth=KeyAuth(ApiKey.Scope.LEADS_READ),
    openapi_extra=_reads("which_lead"),
    summary="Read a lead by e-mail or by another system's id",
)
def find_lead(request: HttpRequest, email: str = "", system: str = "", external_id: str = "") -> HttpResponse:
    key, external = email_key(email), bool(system.strip() and external_id.strip())
    if bool(key) == external or bool(system.strip()) != bool(external_id.strip()):
        raise Invalid(
            "Name the lead by email, or by system and external_id.",
            code="which_lead",
            field="email",
            expected="email, or system and external_id",
        )
    if not is_storable(email + system + external_id):
        raise NotFound("There is no such lead.", code="unknown_lead")
    if key:
        return _json(200, lead_json(_lead(email_key=key)))
    return _json(200, lead_json(_lead(external_ids__system=plain_system(system), external_ids__value=external_id.strip())))


def _lead(**which: object) -> Lead:
    found = (
        Lead.objects.select_related("company", "owner", "first_campaign", "product_interest")
        .prefetch_related("external_ids")
        .filter(**which)
        .first()
    )
    if found is None:
        raise NotFound("There is no such lead.", code="unknown_lead")
    return found
