"""A lead on the test bench: what is read of a pasted one, and that the lines stand beside those of the version in force."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from leads.errors import Invalid
from leads.models import Activity, Lead, LeadField
from scoring.actions.criteria import set_points
from scoring.actions.versions import create_draft
from scoring.models import DraftEvent
from scoring.pasted import MOST_LETTERS, read_pasted
from scoring.vocabulary import load_registry
from tests.scoring.samples import a_tally, a_test, clause, when

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 8, 9, 30, tzinfo=UTC)
VP = a_test("vp", 30, clause("lead.job_title", "words", values=["vp"]), label="Vice president")
BIG = a_test("big", 10, clause("company.employees", "between", low=200), label="Big enough")
PAPERS = a_tally("papers", 12, days=90, award="each", cap=20, label="White papers")


@pytest.fixture(autouse=True)
def clock(freeze):
    return freeze(NOW)


@pytest.fixture
def registry(db):
    LeadField.objects.create(key="budget", label="Budget", type="choice", choices=["none", "agreed"])
    return load_registry()


WANTED = {
    "lead.job_title": "VP Sales",
    "company.employees": 1200,
    "lead.email_domain": "acme.test",
    "custom.budget": "agreed",
    "lead.seniority": "vp",
    "lead.department": "sales",
}


@pytest.mark.parametrize(
    "text",
    [
        "Job title: VP Sales\nEmployees: 1,200\nE-mail: jo@acme.test\nBudget: Agreed\nwhitepaper: 2\nShoe size: 42\nName: Jo Doe",
        'Job Title;No. of Employees;Email;budget;Downloaded a white paper;Shoe size;Name\r\n"VP Sales";1,200;jo@acme.test;agreed;2;42;Jo Doe\n;;;;;;',
        json.dumps(
            {
                "lead": {"job_title": "VP Sales", "email": "jo@acme.test", "full_name": "Jo Doe"},
                "company": {"employees": 1200}, "attributes": {"budget": "agreed"},
                "whitepaper": ["2026-06-01", "2026-05-30T10:00:00Z"], "Shoe size": 42,
            }
        ),
        "[" + json.dumps({"jobTitle": "VP Sales", "company.employees": "1200", "mail": "jo@acme.test", "Budget": "AGREED", "whitepaper": 2,
            "Shoe size": 1}) + "]",
    ],
)  # fmt: skip
def test_a_lead_is_read_from_lines_a_table_or_json(registry, text):
    pasted = read_pasted(text, registry, NOW)
    assert pasted.values == WANTED
    assert [one.kind for one in pasted.events] == ["whitepaper", "whitepaper"]
    assert pasted.unknown == ["Shoe size"]
    assert pasted.unread == []


def test_what_cannot_be_read_is_named(registry):
    pasted = read_pasted(
        "Employees: many\nBudget: big\nCame in on: soon\nwhitepaper: often\nCountry: Germany\nIndustry: n/a", registry, NOW
    )
    assert [(name, value) for name, value, _ in pasted.unread] == [
        ("Employees", "many"), ("Budget", "big"), ("Came in on", "soon"), ("whitepaper", "often"),
    ]  # fmt: skip
    assert pasted.unread[1][2] == "one of none, agreed"
    assert pasted.values == {"lead.country": "DE"}
    for text, code in (
        ("", "missing"),
        ("hello", "wrong_shape"),
        ("{oops", "wrong_json"),
        ("[1]", "wrong_shape"),
        ("[" * 9000, "wrong_shape"),
        ('{"a":' * 3000 + "1" + "}" * 3000, "wrong_shape"),
        ('{"Employees": ' + "9" * 5000 + "}", "wrong_shape"),
        ("x" * (MOST_LETTERS + 1), "too_long"),
    ):
        with pytest.raises(Invalid) as refused:
            read_pasted(text, registry, NOW)
        assert refused.value.code == code


def test_the_bench_shows_each_line_under_both_versions_and_stores_nothing(make, agree, cast, client):
    gate = {"key": "rival", "label": "A rival", "when": when(clause("lead.email_domain", "in", values=["rival.test"]))}
    live = agree(VP, PAPERS, gates=[gate])
    draft = create_draft(live.model, actor=cast.marketer, source=live)
    set_points(draft.criteria.select_related("version").get(key="vp"), -8, actor=cast.marketer, rev=1)
    lead = make.lead(job_title="VP Sales", first_name="Vera")
    for days in (1, 2):
        make.activity(lead, "whitepaper", NOW - timedelta(days=days))
    hidden = make.lead(first_name="Hidden")
    client.force_login(cast.marketer)
    url = reverse("admin:version-try", args=[draft.pk])
    stored = [model.objects.count() for model in (Lead, Activity, DraftEvent)]

    assert "Vera" in client.get(url, {"q": "vera"}).content.decode()
    answer = client.get(url, {"lead": lead.pk})
    tried = answer.context["tried"]
    assert [(line.words, line.before, line.after, line.difference) for line in tried.lines] == [
        ("Vice president", 30, -8, -38), ("White papers", 24, 24, 0), ("White papers: held at its cap", -4, -4, 0),
    ]  # fmt: skip
    assert tried.sums == [("Fit", 30, -8), ("Engagement", 20, 20), ("Score", 50, 12)]
    assert (tried.before.words, tried.after.words) == ("MQL", "No MQL")

    answer = client.post(
        url,
        {"pasted": "Title: VP IT\nE-mail: a@rival.test\nFavourite colour: red\nEmployees: lots\nDepartment: Magic"},
        headers={"HX-Request": "true"},
    )
    text = answer.content.decode()
    for words in (
        "“Favourite colour”: left out",
        "“lots” cannot be read. Expected: a number.",
        "A rival",
        "Barred",
        "1 criterion pays nothing here",
    ):
        assert words in text
    told = re.sub(r"<[^>]*>|\s+", " ", text)
    for name, said in (("Employees", "lots not understood"), ("Department", "Magic not understood")):
        assert re.search(rf"{name} +{said.replace(' ', ' +')}", told), name
    assert re.search(r"Favourite colour +not understood", told)
    assert re.search(r"Department +IT +from the job title", told)
    assert answer.context["tried"].silent == ("White papers",)
    assert client.post(url, {"pasted": "hello"}).status_code == 422
    assert [model.objects.count() for model in (Lead, Activity, DraftEvent)] == stored
    client.force_login(cast.rep)
    assert client.get(url, {"lead": hidden.pk}).status_code == 404
