"""The API's document says what is answered: the shape of each answer, each error with its codes, and JSON whatever goes wrong."""

import json
import re
from pathlib import Path

import pytest

from leads import api_document
from leads.api_document import API_MAX_BYTES, ERRORS, ITEM_CODES, BatchTaken, Error, Taken
from leads.intake.keys import create_key
from leads.models import ApiKey, Lead
from leads.slots import slots

pytestmark = pytest.mark.django_db
IVY = {"email": "ivy@okafor-werke.de", "first_name": "Ivy", "company": {"name": "Okafor Werke"}, "external_ids": {"crm": "7"}}


@pytest.fixture
def post(client):
    _, secret = create_key("Website", list(ApiKey.Scope.values), actor=None)
    client.signed = {"Authorization": f"Bearer {secret}"}

    def send(path, body):
        return client.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers=client.signed)

    return send


@pytest.fixture
def document(client):
    def unique(pairs):
        names = [name for name, _ in pairs]
        assert len(set(names)) == len(names), names
        return dict(pairs)

    return json.loads(client.get("/api/v1/openapi.json").content, object_pairs_hook=unique)


def refs(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            yield from refs(value)
    elif isinstance(node, list):
        for item in node:
            yield from refs(item)


def test_every_operation_says_the_shape_of_each_answer_and_the_codes_of_each_error(document):
    for methods in document["paths"].values():
        for method, operation in methods.items():
            answers = operation["responses"]
            assert {"200", "401", "403", "422", "429", "500"} <= set(answers)
            assert ({"400", "409", "413"} <= set(answers)) == (method == "post")
            for status, answer in answers.items():
                name = answer["content"]["application/json"]["schema"]["$ref"].removeprefix("#/components/schemas/")
                assert (name == "Error") == (int(status) >= 400)
                if int(status) >= 400:
                    assert answer["x-codes"]
                    assert all(code in answer["description"] for code in answer["x-codes"])
            assert "Retry-After" in answers["429"]["headers"]


def test_the_shapes_are_whole_and_those_of_the_layers_above_are_among_them(document):
    shapes = document["components"]["schemas"]
    assert {"Taken", "BatchTaken", "Problem", "Error", "Lead", "Score", "ScoreLine", "LatestHandoff"} <= set(shapes)
    assert {ref.removeprefix("#/components/schemas/") for ref in refs(document)} <= set(shapes)
    assert {"score", "handoff"} <= set(shapes["Lead"]["properties"])
    assert set(slots.api_shapes) == set(slots.api_sections)


def test_answers_have_the_documented_shapes(post, client):
    created = post("leads", IVY)
    assert created.status_code == 201
    lead_id = Taken.model_validate_json(created.content).lead_id
    Taken.model_validate_json(post("outcomes", {"lead": {"id": lead_id}, "outcome": "won"}).content)
    BatchTaken.model_validate_json(post("leads/batch", {"items": [IVY, {"email": 5}]}).content)
    for answer in (
        post("leads", {"first_name": "x"}),
        post("leads", {"email": {}}),
        post("leads/batch", {"things": []}),
        client.get("/api/v1/leads"),
        client.get("/api/v1/leads", headers=client.signed),
        client.get("/api/v1/leads/99999999", headers=client.signed),
        client.get("/api/v1/leads/x", headers=client.signed),
    ):
        assert answer.status_code in ERRORS
        assert Error.model_validate_json(answer.content).error.code
    lead = client.get(f"/api/v1/leads/{lead_id}", headers=client.signed).json()
    for name, shape in slots.api_shapes.items():
        section = lead.pop(name)
        assert section is None or shape.model_validate_json(json.dumps(section))
    shown = api_document.Lead.model_validate_json(json.dumps(lead))
    assert (shown.id, shown.external_ids, shown.company.name) == (lead_id, {"crm": "7"}, "Okafor Werke")


def test_every_code_of_the_intake_is_documented():
    folder = Path(__file__).resolve().parents[2] / "leads"
    sources = [*(folder / "intake").glob("*.py"), folder / "normalise.py"]
    found = set()
    for source in sources:
        found |= set(re.findall(r'(?:\bproblem|\bProblem|Misfit|Unclear)\(\s*"([a-z_]+)"', source.read_text()))
    assert found
    assert sorted(found - set(ITEM_CODES)) == []


def test_a_fault_of_ours_is_answered_in_json_with_the_id_to_look_for(post, monkeypatch, caplog):
    def break_down(*args, **kwargs):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("leads.api.take_in", break_down)
    response = post("leads", IVY)
    assert response.status_code == 500
    error = response.json()["error"]
    assert error["code"] == "internal"
    assert error["request_id"] == response["X-Request-ID"]
    assert "secret" not in response.content.decode()
    assert "secret detail" in caplog.text
    Error.model_validate_json(response.content)
    assert not Lead.objects.exists()


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/leads/7/x", "/api/v1/leads/", "/api/v2/leads", "/api/", "/api/x"])
def test_an_unknown_address_is_answered_in_json(client, path):
    for response in (client.get(path), client.post(path, "{}", content_type="application/json")):
        assert (response.status_code, response.json()["error"]["code"]) == (404, "unknown_address")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("put", "leads", {"GET", "POST"}),
        ("get", "leads/batch", {"POST"}),
        ("delete", "leads/7", {"GET"}),
        ("get", "outcomes", {"POST"}),
    ],
)
def test_another_method_is_answered_in_json(client, method, path, allowed):
    response = getattr(client, method)(f"/api/v1/{path}")
    assert (response.status_code, response.json()["error"]["code"]) == (405, "wrong_method")
    assert set(response["Allow"].split(", ")) == allowed


def test_a_thousand_rich_items_fit_and_the_limit_is_told(post, document):
    rich = {"lead": {"email": "nobody@n.test"}, "kind": "page", "occurred_at": "2020-06-01T10:00:00Z"}
    items = [{**rich, "properties": {"text": "x" * 6_000}} for _ in range(1_000)]
    response = post("activities/batch", {"items": items})
    assert response.status_code == 200
    assert response.json()["refused"] == 1_000
    refused = post("leads", {"email": "x" * API_MAX_BYTES})
    assert refused.status_code == 413
    assert refused.wsgi_request.read() == b""  # so that the sender gets to read the answer
    assert "10 MB" in refused.json()["error"]["message"]
    operation = document["paths"]["/api/v1/leads/batch"]["post"]
    assert "10 MB" in operation["requestBody"]["description"]
    assert "10 MB" in operation["responses"]["413"]["description"]


def test_the_page_shows_answers_once_and_code_as_code(client_of, cast):
    page = client_of(cast.marketing_ops).get("/api/v1/docs").content.decode()
    assert "200 OK" not in page
    assert "`" not in page.partition("<main")[2]
    assert "plan of <code>country</code>" in page
    assert "10 MB" in page
    for _, codes in ERRORS.values():
        for code in codes:
            assert f"<code>{code}</code>" in page
