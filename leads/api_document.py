"""What the API answers, as shapes for the OpenAPI document only: answers themselves are written straight from what was stored."""

from collections.abc import Iterable
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue
from pydantic.json_schema import models_json_schema

from leads.choices import Consent, Stage

API_MAX_BYTES = 10 * 1024 * 1024
LIMIT_IN_WORDS = "10 MB, about 10 kB for each of 1,000 items"
SCHEMAS = "#/components/schemas/"


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(_Out):
    """Why an item was refused, or what about it could not be used. `code` is stable, `message` is for people."""

    code: str = Field(examples=["bad_email"])
    field: str = Field(examples=["lead.email"])
    value: JsonValue = None
    message: str


class Taken(_Out):
    """What became of an item."""

    status: str = Field(description="created, updated, attached (known already) or refused", examples=["created"])
    lead_id: int | None
    submission_id: int | None = Field(description="What came in is kept raw under this id, also when it is refused.")
    problems: list[Problem]
    case_id: int | None = Field(None, description="Of an outcome: the case it is kept as.")


class BatchTaken(_Out):
    """What became of a batch: received is the sum of the other counts, results are in the order of the items."""

    received: int
    created: int
    updated: int
    attached: int
    refused: int
    results: list[Taken]


class ErrorBody(_Out):
    """Why a request was refused. `code` is stable, `message` is for people."""

    code: str
    message: str
    field: str = ""
    value: JsonValue = None
    expected: str = ""
    problems: list[Problem] = Field(default_factory=list, description="Of a single item that was refused: all its problems.")
    submission_id: int | None = Field(None, description="Of a single item that was refused: where it is kept raw.")
    request_id: str = Field("", description="Of a fault of the portal: what to look for in its log.")


class Error(_Out):
    """The one shape in which the API says no."""

    error: ErrorBody


class LeadCompany(_Out):
    """The company a lead works for."""

    id: int
    name: str
    domain: str
    industry: str
    employees: int | None
    revenue: int | None
    country: str
    is_customer: bool
    is_competitor: bool


class Lead(_Out):
    """A lead with all that is known of it."""

    id: int
    stage: str = Field(description=", ".join(Stage.values))
    stage_since: AwareDatetime
    stage_reason: str
    email: str
    phone: str
    phone_e164: str
    first_name: str
    last_name: str
    job_title: str
    seniority: str
    department: str
    country: str
    language: str
    consent: str = Field(description=", ".join(Consent.values))
    contactable: bool
    contact_problem: str
    source: str
    campaign: str | None
    product_interest: str | None
    owner: str | None = Field(description="E-mail of the person responsible now.")
    company: LeadCompany | None
    custom: dict[str, JsonValue]
    external_ids: dict[str, str]
    created_at: AwareDatetime
    updated_at: AwareDatetime


_READING = ("bad_json", "not_object", "too_deep")
_KEYS = ("bad_idempotency_key", "idempotency_key_reused")
ITEM_CODES = (
    "bad_amount", "bad_character", "bad_domain", "bad_email", "bad_kind", "bad_phone", "different_leads", "disposable_email",
    "external_id_taken", "external_id_twice",
    "in_future", "kept_usable_email", "missing", "new_kind", "no_activity", "no_identity", "no_outcome", "no_time_zone", "not_boolean",
    "not_count", "not_date", "not_list", "not_number", "not_object", "not_positive", "not_text", "number_too_long", "older_outcome",
    "other_company_name", "other_leads_activity",
    "too_early", "too_long",
    "too_many_values", "unknown_asset", "unknown_campaign", "unknown_choice", "unknown_country", "unknown_field",
    "unknown_language", "unknown_lead", "unknown_outcome", "unknown_product", "unknown_reason", "wrong_type",
)  # fmt: skip
# The errors any operation may answer with: meaning, stable codes.
ERRORS: dict[int, tuple[str, tuple[str, ...]]] = {
    400: ("The body is no JSON object", _READING),
    401: ("No key, or one that is not known", ("no_key", "unknown_key")),
    403: ("The key lacks the scope", ("wrong_scope",)),
    404: ("There is no such lead, model or address", ("unknown_lead", "unknown_model", "unknown_address")),
    405: ("The address does not take this method", ("wrong_method",)),
    409: ("The same is being worked on: send it again", ("idempotency_in_progress", "busy")),
    411: ("The body comes without its length", ("length_required",)),
    413: (f"The body is longer than {LIMIT_IN_WORDS}", ("too_large",)),
    422: ("Refused, with the reasons", ()),
    429: ("Too many requests with this key: wait `Retry-After` seconds", ("rate_limited",)),
    500: ("The portal failed; its log has more under the request id", ("internal",)),
}
_RETRY = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}}


def content(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"{SCHEMAS}{name}"}}}


def failures(*statuses: int, codes: tuple[str, ...] = ()) -> dict[int, Any]:
    """The documented errors of an operation; `codes` are those of its 422."""
    found: dict[int, Any] = {}
    for status in statuses:
        words, stable = ERRORS[status]
        stable = codes if status == 422 else stable
        found[status] = {
            "description": f"{words}. Codes: {', '.join(stable)}." if stable else f"{words}.",
            "content": content("Error"),
            "x-codes": list(stable),
        }
        if status == 429:
            found[status]["headers"] = _RETRY
    return found


def post_answers(*, is_batch: bool) -> dict[int, Any]:
    """What a post of one item, or of a batch, may be answered with. Keys are numbers, as django-ninja's own are."""
    if is_batch:
        codes: tuple[str, ...] = ("not_list", "unknown_field", "too_many_items", *_KEYS)
        good: dict[int, Any] = {
            200: {"description": "Taken in; each item with what became of it", "content": content("BatchTaken")}
        }
    else:
        codes = (*ITEM_CODES, *_KEYS)
        good = {
            200: {"description": "Known already: updated or attached", "content": content("Taken")},
            201: {"description": "Created", "content": content("Taken")},
        }
    return good | failures(400, 401, 403, 409, 411, 413, 422, 429, 500, codes=codes)


def lead_answers(*codes: str) -> dict[int, Any]:
    """What reading a lead may be answered with."""
    return {200: {"description": "The lead", "content": content("Lead")}} | failures(401, 403, 404, 422, 429, 500, codes=codes)


def shapes(models: Iterable[type[BaseModel]]) -> dict[str, Any]:
    """The JSON schemas of these shapes, and of those they refer to, by name."""
    _, document = models_json_schema([(model, "serialization") for model in models], ref_template=f"{SCHEMAS}{{model}}")
    found: dict[str, Any] = document["$defs"]
    return found


def schemas(sections: dict[str, type[BaseModel]]) -> dict[str, Any]:
    """All shapes by name; `sections` are those the layers above add to the lead, each left out for a lead that has none."""
    models: tuple[type[BaseModel], ...] = (Problem, Taken, BatchTaken, Error, Lead, *sections.values())
    found = shapes(models)
    for name, model in sections.items():
        ref = {"$ref": f"{SCHEMAS}{model.__name__}"}
        found["Lead"]["properties"][name] = {"anyOf": [ref, {"type": "null"}]}
    found["Lead"]["required"] += list(sections)
    return found
