"""The API: keys, scopes, rates, shapes, repeats, and what is answered to each."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client

from leads.intake.keys import create_key, digest_of, rotate_key
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


def test_a_further_id_is_an_update_and_the_last_one_is_shown(sender):
    sender.post("leads", IVY | {"external_ids": {"crm": "1"}})
    assert sender.post("leads", IVY | {"external_ids": {"crm": "2"}}).json()["status"] == "updated"
    again = sender.post("leads", IVY | {"external_ids": {"crm": "1"}}).json()
    assert again["status"] == "attached"
    assert sender.get(f"leads/{again['lead_id']}").json()["external_ids"] == {"crm": "2"}


def test_an_event_of_another_lead_is_refused_and_two_keys_do_not_share_their_ids(client, sender):
    for address in ("a@firma.de", "b@firma.de"):
        sender.post("leads", {"email": address})
    seen = {"kind": "visit", "occurred_at": "2026-06-01T10:00:00Z", "source_id": "1"}
    a, b = ({**seen, "lead": {"email": address}} for address in ("a@firma.de", "b@firma.de"))
    assert sender.post("activities", a).status_code == 201
    assert sender.post("activities", a).json()["status"] == "attached"
    body = error(sender.post("activities", b), 422)
    assert (body["code"], body["field"]) == ("other_leads_activity", "source_id")
    with_event = {key: value for key, value in seen.items()}
    told = sender.post("leads", {"email": "b@firma.de", "activities": [with_event]}).json()
    assert (told["status"], told["problems"][0]["code"]) == ("attached", "other_leads_activity")
    nameless = [Sender(client, create_key(label, EVERY, actor=None)[1]) for label in ("Forms", "Shop")]
    assert nameless[0].post("activities", a).status_code == 201
    assert nameless[1].post("activities", b).status_code == 201
    assert sorted(Activity.objects.values_list("lead__email", flat=True)) == ["a@firma.de", "a@firma.de", "b@firma.de"]


def test_a_body_in_chunks_is_refused_with_its_own_reason(sender):
    answer = sender.post("leads", "", **{"Transfer-Encoding": "chunked", "Content-Length": ""})
    assert error(answer, 411)["code"] == "length_required"


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


def test_the_secret_is_shown_once_and_only_its_digest_kept(cast):
    key, secret = create_key("Website", ["leads:write"], actor=cast.marketing_ops)
    assert secret.startswith(key.prefix)
    assert len(secret) - len(key.prefix) - 1 == 43
    assert key.digest == digest_of(secret)
    assert secret not in str(ApiKey.objects.values().get())
    second, other = rotate_key(key, actor=cast.marketing_ops)
    assert other != secret
    assert second.scopes == key.scopes


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


def test_an_empty_batch_is_no_error(sender):
    assert sender.post("leads/batch", {"items": []}).json()["received"] == 0


def test_the_first_activity_of_a_kind_of_ones_own_is_taken_and_told(sender, make):
    lead = make.lead(email="ivy@n.test")
    when = "2026-06-07T10:00:00Z"

    def did(kind):
        answer = sender.post("activities", {"lead": {"email": "ivy@n.test"}, "kind": kind, "occurred_at": when})
        assert answer.status_code == 201
        return answer.json()["problems"]

    assert did("demo_request") == []
    (note,) = did("demo_requst")
    assert (note["code"], note["field"], note["value"]) == ("new_kind", "kind", "demo_requst")
    assert note["message"] == (
        "Kind of activity: “demo_requst” is new: no lead had it before. If “demo_request” is meant, no criterion that counts it counts this."
    )
    assert did("demo_requst") == []  # by now it is one of theirs
    new = {
        "email": "eva@okafor-werke.de",
        "activities": [{"kind": "page_view", "occurred_at": when}, {"kind": "site_tour", "occurred_at": when}],
    }
    answer = sender.post("leads", new)
    assert answer.status_code == 201
    assert [(one["code"], one["field"]) for one in answer.json()["problems"]] == [("new_kind", "activities[1].kind")]
    assert "no lead had it before." in answer.json()["problems"][0]["message"]
    assert Activity.objects.filter(lead=lead, kind="demo_requst").count() == 2
    # In a batch each of the first is told; what is refused makes no kind known.
    item = {"lead": {"email": "ivy@n.test"}, "kind": "quiz_taken", "occurred_at": when}
    unknown = item | {"lead": {"email": "nobody@n.test"}, "kind": "lost_kind"}
    told = sender.post("activities/batch", {"items": [item, item, unknown]}).json()["results"]
    assert [[one["code"] for one in result["problems"]] for result in told] == [["new_kind"], ["new_kind"], ["unknown_lead"]]
    assert [one["code"] for one in did("lost_kind")] == ["new_kind"]


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


def test_a_refusal_is_repeated_too_and_answers_are_forgotten_after_a_day(sender, freeze):
    hands = freeze(MONDAY)
    first = error(sender.post("leads", {"first_name": "x"}, **{"Idempotency-Key": "k1"}), 422)
    assert error(sender.post("leads", {"first_name": "x"}, **{"Idempotency-Key": "k1"}), 422) == first
    hands.advance(timedelta(days=1, minutes=1))
    assert sender.post("leads", IVY, **{"Idempotency-Key": "k1"}).status_code == 201  # a day later it is a key like any other
    IdempotentAnswer.objects.update(created_at=MONDAY)
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
        "/api/v1/criteria",
        "/api/v1/criteria/{model}",
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
