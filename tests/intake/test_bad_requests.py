"""What another system gets wrong is answered with its true words, status, code and field, and changes nothing but the raw record."""

import json
from datetime import timedelta

import pytest

from leads.api_document import API_MAX_BYTES, LIMIT_IN_WORDS
from leads.intake.keys import create_key, revoke_key
from leads.models import Activity, ApiKey, Case, Lead, LeadEvent, Submission
from tests.conftest import MONDAY

pytestmark = pytest.mark.django_db
EVERY = list(ApiKey.Scope.values)
EMAIL = "ivy@okafor-werke.de"
IVY = {"email": EMAIL, "first_name": "Ivy"}
EVENT = {"lead": {"email": EMAIL}, "kind": "call", "occurred_at": "2026-06-07T10:00:00Z"}
WON = {"lead": {"email": EMAIL}, "outcome": "won"}


def everything():
    """All there is of leads, but the raw record."""
    return (
        list(Lead.objects.order_by("pk").values()),
        *(list(model.objects.order_by("pk").values()) for model in (Activity, Case, LeadEvent)),
    )


@pytest.fixture
def send(client, freeze):
    """Posts or reads with a key of `scopes` while one lead is there; nothing of it may change, and `kept` items are recorded."""
    hands = freeze(MONDAY)
    _, secret = create_key("Website", EVERY, actor=None, source="Website")

    def ask(path, body, *, method="post", secret=secret, **headers):
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        signed = {"Authorization": f"Bearer {secret}"} if secret else {}
        return getattr(client, method)(
            f"/api/v1/{path}", *([data] if method == "post" else []), content_type="application/json", headers=signed | headers
        )

    assert ask("leads", IVY).status_code == 201
    hands.advance(timedelta(minutes=1))

    def refused(path, body=b"{}", *, status, code, field, words, kept=0, **more):
        before, count = everything(), Submission.objects.count()
        response = ask(path, body, **more)
        assert response.status_code == status, response.content
        assert response["Content-Type"].startswith("application/json")
        found = response.json()["error"]
        assert (found["code"], found["field"], found["message"]) == (code, field, words)
        assert everything() == before
        assert Submission.objects.count() == count + kept
        if kept:
            last = Submission.objects.latest("pk")
            assert (last.pk, last.status, last.lead_id) == (found["submission_id"], "refused", None)
            assert (last.problems[0]["code"], last.problems[0]["message"]) == (code, words)
        return response

    refused.ask = ask
    return refused


class TestKeys:
    def test_no_key(self, send):
        response = send(
            "leads", IVY | {"first_name": "Eve"}, secret="", status=401, code="no_key", field="",
            words="Sign the request with a key: Authorization: Bearer acc_…",
        )  # fmt: skip
        assert response["WWW-Authenticate"] == "Bearer"

    def test_a_key_nobody_gave_out_and_one_that_was_revoked(self, send):
        told = {"status": 401, "code": "unknown_key", "field": "", "words": "There is no such key, or it was revoked."}
        send("leads", IVY | {"first_name": "Eve"}, secret="acc_00000000_nothing", **told)
        revoke_key(ApiKey.objects.get(), actor=None)
        send("leads", IVY | {"first_name": "Eve"}, **told)

    @pytest.mark.parametrize(
        ("scope", "method", "path", "needed"),
        [
            ("leads:read", "post", "leads", "leads:write"),
            ("leads:read", "post", "leads/batch", "leads:write"),
            ("leads:write", "post", "activities", "activities:write"),
            ("leads:write", "post", "activities/batch", "activities:write"),
            ("leads:write", "post", "outcomes", "outcomes:write"),
            ("leads:write", "post", "outcomes/batch", "outcomes:write"),
            ("leads:write", "get", "leads/1", "leads:read"),
            ("leads:write", "get", "leads?email=a@b.de", "leads:read"),
        ],
    )
    def test_a_key_does_only_what_its_scope_says(self, send, scope, method, path, needed):
        _, secret = create_key("Narrow", [scope], actor=None)
        send(
            path, IVY | {"first_name": "Eve"}, method=method, secret=secret, status=403, code="wrong_scope", field="",
            words=f"The key needs the scope {needed}.",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b"", "bad_json", "The body is not valid JSON (line 1, column 1)."),
        (b"{", "bad_json", "The body is not valid JSON (line 1, column 2)."),
        (b'{"email": "ivy@okafor-werke.de",\n "first_name": Eve}', "bad_json", "The body is not valid JSON (line 2, column 16)."),
        (b"\xff\xfe", "bad_json", "The body is not valid JSON (line 1, column 1)."),
        (b'{"email": NaN}', "bad_json", "The body is not valid JSON."),
        (b"[" * 100_000, "bad_json", "The body is not valid JSON."),
        (b'{"n": ' + b"9" * 5000 + b"}", "bad_json", "The body is not valid JSON."),
        (b"[]", "not_object", "The body must be a JSON object."),
        (b"null", "not_object", "The body must be a JSON object."),
        (b'{"custom":' * 30 + b"1" + b"}" * 30, "too_deep", "The body is nested deeper than 24 levels."),
    ],
)
def test_a_body_that_is_no_json_object(send, body, code, words):
    send("leads", body, status=400, code=code, field="", words=words)


def test_a_body_that_is_too_long(send):
    body = json.dumps({"email": "x" * API_MAX_BYTES})
    words = f"The body has {len(body):,} bytes; at most {API_MAX_BYTES:,} ({LIMIT_IN_WORDS}). Send fewer items at once."
    send("leads", body, status=413, code="too_large", field="", words=words)


@pytest.mark.parametrize(
    ("body", "code", "field", "words"),
    [
        ({"email": 5}, "not_text", "email", "email: “5” is not text."),
        ({"email": None}, "no_identity", "lead.email", "Neither e-mail, phone nor the id of another system is given."),
        (IVY | {"company": "Okafor"}, "not_object", "company", "company: “Okafor” is not an object."),
        (IVY | {"company": {"name": ["x"]}}, "not_text", "company.name", "company.name: “['x']” is not text."),
        (
            IVY | {"company": {"employees": {"n": 1}}}, "not_number", "company.employees",
            "company.employees: “{'n': 1}” is not a number.",
        ),
        (IVY | {"company": {"employees": "many"}}, "not_number", "company.employees", "Employees: “many” is not a number."),
        (IVY | {"activities": {}}, "not_list", "activities", "activities: “{}” is not a list."),
        (IVY | {"activities": [{"kind": "x"}]}, "missing", "activities[0].occurred_at", "activities[0].occurred_at is not given."),
        (
            IVY | {"first_name": "Eve", "occurred_at": "2026-06-01T10:00:00"}, "no_time_zone", "occurred_at",
            "occurred_at: “2026-06-01T10:00:00” is not a time with its zone.",
        ),
        (
            IVY | {"first_name": "Eve", "occurred_at": "yesterday"}, "not_date", "occurred_at",
            "occurred_at: “yesterday” is not a time, such as 2026-06-08T09:00:00Z.",
        ),
        (
            IVY | {"first_name": "Eve", "occurred_at": "2026-06-09T10:00:00Z"}, "in_future", "occurred_at",
            "When it happened: “2026-06-09T10:00:00+00:00” is not a time up to now.",
        ),
        (
            IVY | {"first_name": "I\x00vy"}, "bad_character", "lead.first_name",
            "First name: “I\ufffdvy” is not text without NUL characters and broken letters.",
        ),
        (IVY | {"first_name": "I" * 121}, "too_long", "lead.first_name", "First name: longer than 120 characters."),
        (IVY | {"first_name": "x" * 1_000_000}, "too_long", "lead.first_name", "First name: longer than 120 characters."),
        (IVY | {"custom": {"shoe_size": 9}}, "unknown_field", "custom.shoe_size", "There is no field custom.shoe_size."),
        (IVY | {"shoe_size": 9}, "unknown_field", "shoe_size", "shoe_size is not a known field."),
        (IVY | {"external_ids": {"crm": 5}}, "not_text", "external_ids.crm", "external_ids.crm: “5” is not text."),
    ],
)  # fmt: skip
def test_a_lead_of_wrong_types(send, body, code, field, words):
    send("leads", body, status=422, code=code, field=field, words=words, kept=1)


class TestBatches:
    @pytest.mark.parametrize("path", ["leads/batch", "activities/batch", "outcomes/batch"])
    def test_more_than_a_thousand_items_are_refused_whole(self, send, path):
        item = {"leads/batch": IVY | {"first_name": "Eve"}, "activities/batch": EVENT, "outcomes/batch": WON}[path]
        response = send(
            path, {"items": [item] * 1001}, status=422, code="too_many_items", field="items",
            words="1,001 items at once; at most 1,000.",
        )  # fmt: skip
        assert (response.json()["error"]["value"], response.json()["error"]["expected"]) == (1001, "at most 1000")

    @pytest.mark.parametrize(
        ("body", "code", "field"),
        [({}, "not_list", "items"), ({"items": {}}, "not_list", "items"), ({"items": [IVY], "more": 1}, "unknown_field", "more")],
    )
    def test_a_batch_has_items_and_nothing_else(self, send, body, code, field):
        send("leads/batch", body, status=422, code=code, field=field, words="A batch is an object with a list of items.")


class TestIdempotencyKeys:
    WORDS = "This Idempotency-Key was used for another request."

    def test_a_key_with_another_body_or_address(self, send):
        headers = {"Idempotency-Key": "k1"}
        assert send.ask("leads", IVY, **headers).status_code == 200
        told = {"status": 422, "code": "idempotency_key_reused", "field": "Idempotency-Key", "words": self.WORDS, **headers}
        send("leads", IVY | {"first_name": "Eve"}, **told)
        send("leads/batch", {"items": [IVY | {"first_name": "Eve"}]}, **told)
        again = send.ask("leads", IVY, **headers)
        assert (again.status_code, again["Idempotent-Replay"]) == (200, "true")

    def test_a_key_that_is_too_long(self, send):
        send(
            "leads", IVY | {"first_name": "Eve"}, status=422, code="bad_idempotency_key", field="Idempotency-Key",
            words="An Idempotency-Key has at most 200 characters that can be shown.", **{"Idempotency-Key": "x" * 201},
        )  # fmt: skip


@pytest.mark.parametrize(
    "who", [{"id": 99}, {"email": "nobody@firma.de"}, {"external_ids": {"crm": "1"}}, {"email": "\x00"}, {}, {"id": 2**70}]
)
@pytest.mark.parametrize(("path", "body"), [("activities", EVENT), ("outcomes", WON)])
def test_an_activity_or_outcome_of_an_unknown_lead(send, path, body, who):
    send(path, body | {"lead": who}, status=422, code="unknown_lead", field="lead", words="There is no such lead.", kept=1)


@pytest.mark.parametrize(
    ("more", "code", "field", "words"),
    [
        ({"occurred_at": "2026-06-07T10:00:00"}, "no_time_zone", "occurred_at", "occurred_at: “2026-06-07T10:00:00” is not a time with its zone."),
        ({"occurred_at": "2026-06-18T10:00:00Z"}, "in_future", "occurred_at", "When it happened: “2026-06-18T10:00:00+00:00” is not a time up to now."),
        ({"occurred_at": "1066-10-14T10:00:00Z"}, "too_early", "occurred_at", "When it happened: “1066-10-14T10:00:00+00:00” is not a time since 1970."),
        ({"kind": "Demo request"}, "bad_kind", "kind", "Kind of activity: “Demo request” is not a kind in small letters, digits and _, such as demo_request."),
        ({"asset": "nothing"}, "unknown_asset", "asset", "Asset: “nothing” is not a known asset."),
        ({"campaign": "nothing"}, "unknown_campaign", "campaign", "There is no campaign “nothing”."),
        ({"properties": []}, "not_object", "properties", "properties: “[]” is not an object."),
        ({"source_id": "x" * 201}, "too_long", "source_id", "Id of the event: longer than 200 characters."),
    ],
)  # fmt: skip
def test_an_activity_that_cannot_be(send, more, code, field, words):
    send("activities", EVENT | more, status=422, code=code, field=field, words=words, kept=1)


AMOUNT = "an amount from 0 to 999,999,999,999.99"


@pytest.mark.parametrize(
    ("more", "code", "field", "words"),
    [
        ({"outcome": "eaten"}, "unknown_outcome", "outcome", "Outcome: “eaten” is not one of unknown, rejected, working, lost, won, closed_unworked."),
        ({"occurred_at": "2026-06-07T10:00:00"}, "no_time_zone", "occurred_at", "occurred_at: “2026-06-07T10:00:00” is not a time with its zone."),
        ({"occurred_at": "2026-06-18T10:00:00Z"}, "in_future", "occurred_at", "Outcome on: “2026-06-18T10:00:00+00:00” is not a time up to now."),
        ({"reason": "r" * 201}, "too_long", "reason", "Reason: longer than 200 characters."),
        ({"amount": -5}, "bad_amount", "amount", f"Amount: “-5” is not {AMOUNT}."),
        ({"amount": -0.001}, "bad_amount", "amount", f"Amount: “-0.001” is not {AMOUNT}."),
        ({"amount": 1e30}, "bad_amount", "amount", f"Amount: “1e+30” is not {AMOUNT}."),
        ({"amount": "999999999999.999"}, "bad_amount", "amount", f"Amount: “999999999999.999” is not {AMOUNT}."),
        ({"amount": "Infinity"}, "bad_amount", "amount", f"Amount: “Infinity” is not {AMOUNT}."),
        ({"amount": "a lot"}, "not_number", "amount", "Amount: “a lot” is not a number, such as 1200.50."),
        ({"amount": True}, "not_number", "amount", "amount: “True” is not a number."),
        ({"colour": "red"}, "unknown_field", "colour", "colour is not a known field."),
    ],
)  # fmt: skip
def test_an_outcome_that_cannot_be(send, more, code, field, words):
    send("outcomes", WON | more, status=422, code=code, field=field, words=words, kept=1)
