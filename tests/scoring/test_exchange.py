"""A version goes out and comes in again unchanged, opens safely in spreadsheets, and is read by other systems."""

import csv
import io
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from leads.errors import Conflict, Invalid, NotAllowed
from leads.intake.keys import create_key
from leads.models import ApiKey, Campaign
from scoring.actions.versions import create_model, import_draft, withdraw_draft, write_content
from scoring.activation import activate_here
from scoring.api import Criteria, Models
from scoring.compiler import compile_version
from scoring.exchange import version_document
from scoring.models import ModelVersion
from scoring.signoff import NOBODY
from tests.scoring.samples import TOTAL, a_tally, a_test, clause, when

pytestmark = pytest.mark.django_db
NASTY = "=cmd|' /C calc'!A1"


@pytest.fixture
def draft(cast: Any) -> ModelVersion:
    version = create_model("Enterprise", actor=cast.marketer, start="empty", signers=NOBODY)
    criteria = [
        a_test("size", 15, clause("company.employees", "between", low=100), label=NASTY, why="@SUM(1)"),
        a_tally("demo", -25, "demo_request", days=30, award="each", half_life=10, cap=40),
    ]
    gate = {"key": "rival", "label": "+Rival", "when": when(clause("company.is_competitor", "is", value=True))}
    write_content(version, {"decision": TOTAL, "criteria": criteria, "gates": [gate]})
    return version


def contradictory(data: dict[str, Any]) -> dict[str, Any]:
    """The export with a size that is at least 100 and at most 50."""
    data["spec"]["criteria"][0]["when"]["all"].append({"field": "company.employees", "op": "between", "high": 50})
    return data


def twice_barred(data: dict[str, Any]) -> dict[str, Any]:
    """The export with its gate once more under another name."""
    data["spec"]["gates"].append(data["spec"]["gates"][0] | {"key": "again", "label": "Again"})
    return data


def exported(version: ModelVersion) -> bytes:
    return json.dumps(version_document(version), default=str).encode()


def test_what_was_exported_comes_in_unchanged(cast: Any, draft: ModelVersion) -> None:
    other = create_model("Other", actor=cast.marketer, start="empty")
    withdraw_draft(other, actor=cast.marketer, rev=1)
    made = import_draft(other.model, exported(draft), actor=cast.marketer)
    assert (made.no, made.status) == (2, "draft")
    before, after = (compile_version(ModelVersion.objects.get(pk=one.pk)).as_json() for one in (draft, made))
    assert {key: value for key, value in before.items() if key != "model"} == {
        key: value for key, value in after.items() if key != "model"
    }
    with pytest.raises(Conflict):
        import_draft(other.model, exported(draft), actor=cast.marketer)
    with pytest.raises(NotAllowed):
        import_draft(other.model, exported(draft), actor=cast.rep)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: b"\xff\xfe", "no JSON"),
        (lambda data: b"[]", "no exported version"),
        (lambda data: json.dumps(data | {"kind": "other"}).encode(), "no exported version"),
        (lambda data: json.dumps(data | {"format": 9}).encode(), "format 9"),
        (lambda data: b" " * 1_000_001, "larger than 1 MB"),
        (lambda data: json.dumps(data).replace("company.employees", "custom.budget").encode(), "custom.budget"),
        (lambda data: json.dumps(data).replace('"demo_request"]', '"demo_request"], "campaigns": [4711]').encode(), "4711"),
        (lambda data: json.dumps(data).replace('"points": 15', '"points": 15000').encode(), "15000"),
        (lambda data: json.dumps(contradictory(data)).encode(), "no value can meet this"),
        (lambda data: json.dumps(data).replace('"points": 15', '"points": 0').encode(), "with 0 points it changes nothing"),
        (lambda data: json.dumps(data).replace('"cap": 40', '"cap": 24').encode(), "a cap of 24 would cut every one of its 25"),
        (lambda data: json.dumps(twice_barred(data)).encode(), "Rival” asks exactly the same already"),
    ],
)
def test_what_does_not_fit_here_is_named_and_nothing_is_made(cast: Any, draft: ModelVersion, change: Any, said: str) -> None:
    data = json.loads(exported(draft))
    withdraw_draft(draft, actor=cast.marketer, rev=1)
    with pytest.raises(Invalid, match=said):
        import_draft(draft.model, change(data), actor=cast.marketer)
    assert ModelVersion.objects.count() == 1
    assert not Campaign.objects.exists()


def test_the_scorecard_opens_safely_and_says_every_line(client_of: Any, cast: Any, draft: ModelVersion) -> None:
    answer = client_of(cast.rep).get(reverse("admin:version-csv", args=[draft.pk]))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="enterprise-v1.csv"'
    text = b"".join(answer.streaming_content).decode()
    assert text.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(text[1:])))
    assert rows[1] == ["fit", "", f"'{NASTY}", "15", "Employees is 100 or more", "", "'@SUM(1)"]
    assert rows[2][2:6] == [
        "Demo", "-25", "Requested a demo in the last 30 days, each time", "half-life 10 days; cap 40",
    ]  # fmt: skip
    assert [row[0] for row in rows[3:]] == ["gate", "decision", "decision", "scope"]
    assert rows[3][2] == "'+Rival"


def test_files_go_out_and_in_by_the_pages(client_of: Any, cast: Any, draft: ModelVersion) -> None:
    browser = client_of(cast.marketer)
    content = browser.get(reverse("admin:version-json", args=[draft.pk])).content
    withdraw_draft(draft, actor=cast.marketer, rev=1)
    url = reverse("admin:version-import", args=["enterprise"])
    assert browser.post(url).status_code == 422
    page = browser.post(url, {"file": SimpleUploadedFile("enterprise-v1.json", content)}, follow=True)
    assert "v2 is a draft with the content of enterprise-v1.json" in page.content.decode()
    assert ModelVersion.objects.get(no=2).criteria.count() == 2
    page = client_of(cast.rep).get(reverse("admin:version-csv", args=[create_model("Empty", actor=None, start="empty").pk]))
    assert page.status_code == 422


def test_the_api_answers_the_version_in_force(client: Any, draft: ModelVersion) -> None:
    def get(path: str, *scopes: str) -> Any:
        _, secret = create_key(f"Key for {path}", list(scopes or (ApiKey.Scope.LEADS_READ,)), actor=None)
        return client.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {secret}"})

    assert Models.model_validate_json(get("criteria").content).models[0].version is None
    assert get("criteria/enterprise").status_code == 404
    activate_here(draft, actor=None, reason="Go")
    (one,) = Models.model_validate_json(get("criteria").content).models
    assert (one.model, one.version, one.hash) == ("enterprise", 1, draft.spec_hash)
    answer = get("criteria/enterprise")
    whole = Criteria.model_validate_json(answer.content)
    assert (whole.version, whole.status, whole.spec["criteria"][1]["cap"]) == (1, "active", 40)
    assert get("criteria/nowhere").json()["error"]["code"] == "unknown_model"
    assert get("criteria", "leads:write").status_code == 403
    assert client.get("/api/v1/criteria").status_code == 401
