"""A refusal names what is wrong and nothing else: stable codes are what integrators branch on."""

import json

import pytest

from leads.intake.keys import create_key
from leads.models import ApiKey


@pytest.fixture
def send(cast, client):
    _, secret = create_key("Site", list(ApiKey.Scope.values), actor=cast.admin)

    def post(path, body):
        answer = client.post(
            f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers={"Authorization": f"Bearer {secret}"}
        )
        return answer.status_code, [
            problem["code"] for problem in answer.json()["error"].get("problems", [answer.json()["error"]])
        ]

    return post


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (
            "activities",
            {"lead": {"email": "ivy@okafor.de"}, "kind": "demo_request", "occurred_at": "2026-06-08T09:00:00"},
            "no_time_zone",
        ),
        ("outcomes", {"lead": {"email": "ivy@okafor.de"}, "outcome": "won", "colour": "red"}, "unknown_field"),
    ],
)
def test_only_the_true_reason_is_given(make, send, path, body, code):
    make.lead("ivy@okafor.de")
    status, codes = send(path, body)
    assert status == 422
    assert codes == [code]
