"""The API: keys, scopes, rates, shapes, repeats, and what is answered to each."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client

from leads.intake.keys import create_key, digest_of, revoke_key, rotate_key
from leads.models import Activity, ApiKey, Campaign, Case, IdempotentAnswer, Lead, RateBucket, Submission
from leads.slots import slots
from tests.conftest import MONDAY

pytestmark = pytest.mark.django_db
EVERY = list(ApiKey.Scope.values)


class Sender:
    """Another system with a key."""

    def __init__(self, client, secret):
        self.client, self.secret = client, secret

    def post(self, path, body, **headers):
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        return self.client.post(
            f"/api/v1/{path}",
            data,
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.secret}", **headers},
        )

    def get(self, path):
        return self.client.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {self.secret}"})


@pytest.fixture
def sender(client, freeze):
    freeze(MONDAY)
    _, secret = create_key("Website", EVERY, actor=None, source="Website")
    return Sender(client, secret)


def error(response, status):
    assert response.status_code == status, response.content
    assert response["Content-Type"].startswith("application/json")
    body = response.json()["error"]
    assert body["message"]
    return body


IVY = {"email": "ivy@okafor-werke.de", "first_name": "Ivy"}


def test_a_lead_is_created_then_updated_then_attached(sender):
    created = sender.post("leads", IVY | {"company": {"name": "Okafor Werke", "employees": 250}, "external_ids": {"web": "7"}})
    assert created.status_code == 201
    answer = created.json()
    lead = Lead.objects.get()
    assert answer == {"status": "created", "lead_id": lead.pk, "submission_id": Submission.objects.get().pk, "problems": []}
    assert (lead.first_source, lead.company.employees) == ("Website", 250)
    assert sender.post("leads", IVY | {"job_title": "CTO"}).json()["status"] == "updated"
    again = sender.post("leads", IVY)
    assert (again.status_code, again.json()["status"]) == (200, "attached")
    assert Submission.objects.filter(api_key__isnull=False, channel="api").count() == 3


def test_a_batch_says_for_each_item_what_became_of_it(sender):
    answer = sender.post(
        "leads/batch",
        {"items": [IVY, IVY | {"last_name": "Okafor"}, {"email": 5}, {"first_name": "Nobody"}, "text", {"nickname": "x", **IVY}]},
    ).json()
    assert {key: answer[key] for key in ("received", "created", "updated", "attached", "refused")} == {
        "received": 6,
        "created": 1,
        "updated": 1,
        "attached": 0,
        "refused": 4,
    }
    codes = [[problem["code"] for problem in result["problems"]] for result in answer["results"]]
    assert codes == [[], [], ["not_text"], ["no_identity"], ["unknown_field"], ["unknown_field"]]
    assert Lead.objects.count() == 1
    assert Submission.objects.filter(status="refused").count() == 4


def test_no_key_and_unknown_key_are_unauthorized(client, sender):
    response = client.post("/api/v1/leads", "{}", content_type="application/json")
    assert error(response, 401)["code"] == "no_key"
    assert response["WWW-Authenticate"] == "Bearer"
    sender.secret = "acc_00000000_nothing"
    assert error(sender.post("leads", IVY), 401)["code"] == "unknown_key"
    assert not Submission.objects.exists()


def test_a_revoked_key_admits_nobody(sender):
    revoke_key(ApiKey.objects.get(), actor=None)
    assert error(sender.post("leads", IVY), 401)["code"] == "unknown_key"


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("leads:read", "post", "leads"),
        ("leads:read", "post", "leads/batch"),
        ("leads:write", "post", "activities"),
        ("leads:write", "post", "activities/batch"),
        ("leads:write", "post", "outcomes"),
        ("leads:write", "post", "outcomes/batch"),
        ("leads:write", "get", "leads/1"),
        ("leads:write", "get", "leads?email=a@b.de"),
    ],
)
def test_a_key_does_only_what_its_scope_says(client, scope, method, path):
    _, secret = create_key("Narrow", [scope], actor=None)
    sender = Sender(client, secret)
    response = sender.get(path) if method == "get" else sender.post(path, {})
    assert error(response, 403)["code"] == "wrong_scope"
    assert not Submission.objects.exists()


def test_the_secret_is_shown_once_and_only_its_digest_kept(cast):
    key, secret = create_key("Website", ["leads:write"], actor=cast.marketing_ops)
    assert secret.startswith(key.prefix)
    assert len(secret) - len(key.prefix) - 1 == 43
    assert key.digest == digest_of(secret)
    assert secret not in str(ApiKey.objects.values().get())
    second, other = rotate_key(key, actor=cast.marketing_ops)
    assert other != secret
    assert second.scopes == key.scopes


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bad_json"),
        (b"{", "bad_json"),
        (b"\xff\xfe", "bad_json"),
        (b'{"email": NaN}', "bad_json"),
        (b"[]", "not_object"),
        (b"null", "not_object"),
        (b"[" * 100_000, "bad_json"),
        (b'{"custom":' * 30 + b"1" + b"}" * 30, "too_deep"),
        (b'{"n": ' + b"9" * 5000 + b"}", "bad_json"),
    ],
)
def test_a_body_that_is_no_json_object_is_a_bad_request(sender, body, code):
    assert error(sender.post("leads", body), 400)["code"] == code
    assert not Submission.objects.exists()


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"email": 5}, "not_text", "email"),
        ({"email": None}, "no_identity", "lead.email"),
        (IVY | {"company": "Okafor"}, "not_object", "company"),
        (IVY | {"company": {"name": ["x"]}}, "not_text", "company.name"),
        (IVY | {"company": {"employees": {"n": 1}}}, "not_number", "company.employees"),
        (IVY | {"activities": {}}, "not_list", "activities"),
        (IVY | {"activities": [{"kind": "x"}]}, "missing", "activities[0].occurred_at"),
        (IVY | {"occurred_at": "2026-06-01T10:00:00"}, "no_time_zone", "occurred_at"),
        (IVY | {"occurred_at": "yesterday"}, "not_date", "occurred_at"),
        (IVY | {"occurred_at": "2026-06-09T10:00:00Z"}, "in_future", "occurred_at"),
        (IVY | {"first_name": "I\x00vy"}, "bad_character", "lead.first_name"),
        (IVY | {"first_name": "I" * 121}, "too_long", "lead.first_name"),
        (IVY | {"first_name": "x" * 1_000_000}, "too_long", "lead.first_name"),
        (IVY | {"custom": {"shoe_size": 9}}, "unknown_field", "custom.shoe_size"),
        (IVY | {"shoe_size": 9}, "unknown_field", "shoe_size"),
        (IVY | {"external_ids": {"crm": 5}}, "not_text", "external_ids.crm"),
    ],
)
def test_a_refused_lead_says_why_and_is_kept_raw_only(sender, body, code, field):
    refused = error(sender.post("leads", body), 422)
    assert (refused["code"], refused["field"]) == (code, field)
    assert not Lead.objects.exists()
    submission = Submission.objects.get()
    assert (submission.pk, submission.status) == (refused["submission_id"], "refused")
    assert submission.problems[0]["code"] == code


def test_broken_letters_and_nul_are_kept_as_replacements(sender):
    refused = error(sender.post("leads", b'{"email": "ivy@firma.de", "first_name": "\\ud800\\u0000"}'), 422)
    assert refused["code"] == "bad_character"
    assert Submission.objects.get().raw == {"email": "ivy@firma.de", "first_name": "\ufffd\ufffd"}


def test_hostile_names_are_stored_as_they_are_and_answered_safely(sender):
    name = "<script>alert('x')</script>\u202e\u0627\u0644"
    created = sender.post("leads", IVY | {"first_name": name, "last_name": "Robert'); DROP TABLE leads;--"})
    assert created.status_code == 201
    read = sender.get(f"leads/{created.json()['lead_id']}")
    assert read["Content-Type"].startswith("application/json")
    assert read.json()["first_name"] == name.replace("\u202e", "")
    assert read.json()["last_name"] == "Robert'); DROP TABLE leads;--"


def test_more_than_a_thousand_items_are_refused_whole(sender):
    refused = error(sender.post("leads/batch", {"items": [IVY] * 1001}), 422)
    assert (refused["code"], refused["value"]) == ("too_many_items", 1001)
    assert not Submission.objects.exists()


@pytest.mark.parametrize("body", [{}, {"items": {}}, {"items": [], "more": 1}])
def test_a_batch_has_items_and_nothing_else(sender, body):
    assert error(sender.post("leads/batch", body), 422)["code"] in {"not_list", "unknown_field"}


def test_an_empty_batch_is_no_error(sender):
    assert sender.post("leads/batch", {"items": []}).json()["received"] == 0


def test_a_body_that_is_too_long_is_refused_before_it_is_read(sender):
    assert error(sender.post("leads", b'{"email": "' + b"x" * 3_000_000 + b'"}'), 413)["code"] == "too_large"


def test_an_activity_of_a_known_lead_is_stored_once(sender):
    lead_id = sender.post("leads", IVY | {"external_ids": {"web": "7"}}).json()["lead_id"]
    event = {"kind": "demo_request", "occurred_at": "2026-06-07T10:00:00+02:00", "source": "web", "source_id": "e1"}
    assert sender.post("activities", event | {"lead": {"email": "IVY@okafor-werke.de"}}).status_code == 201
    repeat = sender.post("activities", event | {"lead": {"id": lead_id}})
    assert (repeat.status_code, repeat.json()["status"]) == (200, "attached")
    other = sender.post(
        "activities", event | {"lead": {"external_ids": {"web": "7"}}, "source_id": "e2", "properties": {"a": "\x00"}}
    )
    assert other.status_code == 201
    assert Activity.objects.filter(lead_id=lead_id).count() == 2
    assert Activity.objects.get(source_id="e1").occurred_at == MONDAY - timedelta(hours=25)


@pytest.mark.parametrize(
    "who", [{"id": 99}, {"email": "nobody@firma.de"}, {"external_ids": {"crm": "1"}}, {"email": "\x00"}, {}, {"id": 2**70}]
)
def test_an_activity_or_outcome_of_an_unknown_lead_is_refused(sender, who):
    activity = error(sender.post("activities", {"lead": who, "kind": "call", "occurred_at": "2026-06-07T10:00:00Z"}), 422)
    outcome = error(sender.post("outcomes", {"lead": who, "outcome": "won"}), 422)
    assert (activity["code"], outcome["code"]) == ("unknown_lead", "unknown_lead")
    assert Submission.objects.filter(status="refused").count() == 2
    assert not Activity.objects.exists()


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"occurred_at": "2026-06-07T10:00:00"}, "no_time_zone"),
        ({"occurred_at": "2026-06-18T10:00:00Z"}, "in_future"),
        ({"occurred_at": "1066-10-14T10:00:00Z"}, "too_early"),
        ({"kind": "Demo request"}, "bad_kind"),
        ({"asset": "nothing"}, "unknown_asset"),
        ({"campaign": "nothing"}, "unknown_campaign"),
        ({"properties": []}, "not_object"),
        ({"source_id": "x" * 201}, "too_long"),
    ],
)
def test_an_activity_that_cannot_be_is_refused(sender, more, code):
    sender.post("leads", IVY)
    event = {"lead": {"email": IVY["email"]}, "kind": "call", "occurred_at": "2026-06-07T10:00:00Z"} | more
    assert error(sender.post("activities", event), 422)["code"] == code
    assert not Activity.objects.exists()


def test_outcomes_become_cases_and_the_same_again_is_attached(sender):
    sender.post("leads", IVY)
    told = {"lead": {"email": IVY["email"]}, "outcome": "won", "amount": 1200.5, "occurred_at": "2026-06-07T10:00:00Z"}
    created = sender.post("outcomes", told)
    assert created.status_code == 201
    case = Case.objects.get(pk=created.json()["case_id"])
    assert (case.outcome, float(case.amount), case.kind, case.facts["company.domain"]) == (
        "won",
        1200.5,
        "imported",
        "okafor-werke.de",
    )
    assert Lead.objects.get().stage == "won"
    assert sender.post("outcomes", told).json()["status"] == "attached"
    batch = sender.post("outcomes/batch", {"items": [told | {"outcome": "lost"}, {"lead": {"id": 1}, "outcome": "eaten"}]}).json()
    assert (batch["updated"], batch["refused"], batch["results"][1]["problems"][0]["code"]) == (1, 1, "unknown_outcome")
    assert Case.objects.get().outcome == "lost"


@pytest.mark.parametrize(
    ("amount", "code", "words"),
    [
        (-5, "bad_amount", "“-5” is not an amount from 0 to 999,999,999,999.99."),
        (-0.001, "bad_amount", "“-0.001” is not an amount from 0 to 999,999,999,999.99."),
        (1e30, "bad_amount", "“1e+30” is not an amount from 0 to 999,999,999,999.99."),
        ("999999999999.999", "bad_amount", "“999999999999.999” is not an amount from 0 to 999,999,999,999.99."),
        ("Infinity", "bad_amount", "“Infinity” is not an amount from 0 to 999,999,999,999.99."),
        ("a lot", "not_number", "“a lot” is not a number, such as 1200.50."),
    ],
)
def test_an_amount_that_cannot_be_is_refused_with_what_is_expected(sender, amount, code, words):
    sender.post("leads", IVY)
    refused = error(sender.post("outcomes", {"lead": {"email": IVY["email"]}, "outcome": "won", "amount": amount}), 422)
    assert (refused["code"], refused["field"]) == (code, "amount")
    assert words in refused["message"]
    assert (Case.objects.count(), Lead.objects.get().stage) == (0, "prospect")


@pytest.mark.parametrize(("amount", "kept"), [(0, 0), ("999999999999.99", 999999999999.99), (0.005, 0), (None, None)])
def test_an_amount_that_can_be_is_kept_to_the_cent(sender, amount, kept):
    sender.post("leads", IVY)
    assert sender.post("outcomes", {"lead": {"email": IVY["email"]}, "outcome": "won", "amount": amount}).status_code == 201
    stored = Case.objects.get().amount
    assert (stored if stored is None else float(stored)) == kept


def test_a_lead_is_read_by_id_email_and_external_id_with_the_sections_of_the_layers_above(sender):
    pk = sender.post("leads", IVY | {"external_ids": {"web": "7"}}).json()["lead_id"]
    slots.api_sections["test"] = lambda ids: {one: {"points": 42} for one in ids}
    try:
        answers = [
            sender.get(f"leads/{pk}"),
            sender.get("leads?email=Ivy@okafor-werke.de"),
            sender.get("leads?system=web&external_id=7"),
        ]
    finally:
        del slots.api_sections["test"]
    for answer in answers:
        body = answer.json()
        assert (body["id"], body["test"], body["external_ids"], body["stage"]) == (pk, {"points": 42}, {"web": "7"}, "prospect")
        assert body["created_at"] == "2026-06-08T09:00:00Z"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("leads/999", 404, "unknown_lead"),
        ("leads?email=nobody@firma.de", 404, "unknown_lead"),
        ("leads", 422, "which_lead"),
        ("leads?system=web", 422, "which_lead"),
        ("leads?email=%00", 404, "unknown_lead"),
        ("leads?email=%20", 422, "which_lead"),
        ("leads?system=%20&external_id=%20", 422, "which_lead"),
        ("leads?system=web&external_id=%20", 422, "which_lead"),
        ("leads/x", 422, "invalid"),
        ("leads/99999999999999999999999", 404, "unknown_lead"),
        ("nothing/here", 404, "unknown_address"),
    ],
)
def test_reading_what_is_not_there_says_so(sender, path, status, code):
    assert error(sender.get(path), status)["code"] == code


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("get", "activities", "POST"),
        ("put", "leads", "GET, POST"),
        ("delete", "leads/1", "GET"),
        ("patch", "outcomes/batch", "POST"),
    ],
)
def test_a_method_that_an_address_does_not_take_is_refused_in_the_one_shape(client, method, path, allowed):
    response = getattr(client, method)(f"/api/v1/{path}")
    refused = error(response, 405)
    assert (refused["code"], refused["expected"]) == ("wrong_method", allowed)
    assert refused["message"] == f"{method.upper()} is not taken here; use {allowed}."
    assert response["Allow"] == allowed


def test_an_unknown_address_is_told_whatever_is_sent_there(db):
    response = Client(enforce_csrf_checks=True).post("/api/v1/nothing", "{}", content_type="application/json")
    assert error(response, 404)["code"] == "unknown_address"


def test_a_campaign_nobody_knows_is_told_and_the_lead_taken_in(sender):
    Campaign.objects.create(name="Spring fair")
    assert sender.post("leads", IVY | {"campaign": "Spring fair"}).json()["problems"] == []
    other = sender.post("leads", {"email": "b@firma.de", "campaign": "Autumn fair"}).json()
    assert (other["status"], other["problems"][0]["code"]) == ("created", "unknown_campaign")


def test_the_same_idempotency_key_gives_the_same_answer_and_does_nothing(sender):
    first = sender.post("leads", IVY, **{"Idempotency-Key": "k1"})
    again = sender.post("leads", IVY, **{"Idempotency-Key": "k1"})
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again["Idempotent-Replay"] == "true"
    assert Submission.objects.count() == 1


def test_an_idempotency_key_with_another_body_is_refused(sender):
    sender.post("leads", IVY, **{"Idempotency-Key": "k1"})
    assert (
        error(sender.post("leads", IVY | {"last_name": "O"}, **{"Idempotency-Key": "k1"}), 422)["code"]
        == "idempotency_key_reused"
    )
    assert error(sender.post("leads/batch", {"items": []}, **{"Idempotency-Key": "k1"}), 422)["code"] == "idempotency_key_reused"
    assert error(sender.post("leads", IVY, **{"Idempotency-Key": "x" * 201}), 422)["code"] == "bad_idempotency_key"


def test_a_refusal_is_repeated_too_and_answers_are_forgotten_after_a_day(sender, freeze):
    hands = freeze(MONDAY)
    first = error(sender.post("leads", {"first_name": "x"}, **{"Idempotency-Key": "k1"}), 422)
    assert error(sender.post("leads", {"first_name": "x"}, **{"Idempotency-Key": "k1"}), 422) == first
    hands.advance(timedelta(days=1, minutes=1))
    sender.post("leads", IVY, **{"Idempotency-Key": "k2"})
    assert [answer.key for answer in IdempotentAnswer.objects.all()] == ["k2"]


def test_a_key_is_told_to_wait_when_its_rate_is_used_up(sender):
    ApiKey.objects.update(rate_per_minute=2)
    assert [sender.post("leads", IVY).status_code for _ in range(2)] == [201, 200]
    response = sender.post("leads", IVY)
    assert error(response, 429)["code"] == "rate_limited"
    assert 1 <= int(response["Retry-After"]) <= 30
    with connection.cursor() as cursor:
        cursor.execute("UPDATE leads_ratebucket SET at = at - interval '31 seconds'")
    assert sender.post("leads", IVY).status_code == 200
    assert RateBucket.objects.get().tokens < 1


def test_the_last_use_of_a_key_is_written_at_most_once_a_minute(sender, django_assert_max_num_queries):
    sender.post("leads", IVY)
    used = ApiKey.objects.get().last_used_at
    assert used is not None
    sender.post("leads", IVY)
    assert ApiKey.objects.get().last_used_at == used


def test_the_document_names_every_address_and_the_page_shows_it(client_of, cast, client):
    document = client.get("/api/v1/openapi.json").json()
    assert set(document["paths"]) == {
        "/api/v1/leads",
        "/api/v1/leads/batch",
        "/api/v1/leads/{lead_id}",
        "/api/v1/activities",
        "/api/v1/activities/batch",
        "/api/v1/outcomes",
        "/api/v1/outcomes/batch",
    }
    page = client_of(cast.marketing_ops).get("/api/v1/docs")
    assert page.status_code == 200
    text = page.content.decode()
    assert "activities[].occurred_at" in text
    assert "style=" not in text
    assert client.get("/api/v1/docs").status_code == 302
