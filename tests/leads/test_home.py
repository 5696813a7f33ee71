"""The home page's figures are those of the leads a person may see, each with a way to them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leads.choices import Stage
from leads.models import ImportRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def now(freeze):
    from leads import clock

    freeze()
    return clock.now()


def card(browser, template):
    return next((card for card in browser.get("/").context["cards"] if card["template"] == template), None)


@pytest.fixture
def met():
    """`met(lead)`: the lead has met the criteria of a model and was released to sales."""
    from scoring.models import ModelVersion, Qualification, ScoringModel

    model = ScoringModel.objects.create(key="main", name="Main")
    version = ModelVersion.objects.create(model=model, no=1, status="draft", created_at="2026-01-01T00:00Z")

    def qualify(lead, released=True):
        Qualification.objects.create(
            lead=lead, model=model, version=version, kind="mql", cause="event", at=lead.created_at, fit=1, engagement=1, lines=[],
            release_at=lead.created_at if released else None,
        )  # fmt: skip
        return lead

    return qualify


def test_new_leads_of_the_week_by_stage_and_the_funnel_of_the_month(cast, client_of, make, met, now):
    met(make.lead(created_at=now - timedelta(days=1), stage=Stage.MQL))
    make.lead(created_at=now - timedelta(days=6))
    met(make.lead(created_at=now - timedelta(days=8), stage=Stage.WON))
    make.lead(created_at=now - timedelta(days=29), stage=Stage.INQUIRY)
    met(make.lead(created_at=now - timedelta(days=31), stage=Stage.WON))
    found = card(client_of(cast.marketer), "leads/_home_new.html")
    assert (found["new"], found["came"]) == (2, 4)
    assert found["stages"] == [(Stage.PROSPECT, 1), (Stage.MQL, 1)]
    assert [row["value"] for row in found["funnel"]] == [4, 3, 2, 1, 1]
    assert found["decided_elsewhere"] == 0


def test_what_came_in_decided_never_qualified_here(cast, client_of, make, met, now):
    for stage in (Stage.WON, Stage.LOST, Stage.REJECTED):
        make.lead(created_at=now - timedelta(days=2), stage=stage, first_source="Webinar")
    met(make.lead(created_at=now - timedelta(days=2), stage=Stage.RECYCLED, first_source="Webinar"))
    met(make.lead(created_at=now - timedelta(days=2), first_source="Webinar"), released=False)
    browser = client_of(cast.marketer)
    found = card(browser, "leads/_home_new.html")
    assert [(row["label"], row["value"]) for row in found["funnel"]] == [
        ("Came in", 5), ("Can be reached", 5), ("Qualified", 1), ("Accepted", 0), ("Won", 0)
    ]  # fmt: skip
    assert found["decided_elsewhere"] == 3
    assert "3 came in decided already" in browser.get("/").content.decode()
    (row,) = card(browser, "leads/_home_sources.html")["rows"]
    assert (row.leads, row.got_on) == (5, 1)


def test_managers_read_their_teams_figures_from_the_hand_over_on(cast, client_of, make, now):
    for stage in (Stage.MQL, Stage.SAL, Stage.WON, Stage.REJECTED):
        make.lead(created_at=now - timedelta(days=1), owner=cast.rep, stage=stage, first_source="Webinar")
    make.lead(created_at=now - timedelta(days=1))
    browser = client_of(cast.manager)
    found = card(browser, "leads/_home_new.html")
    assert found["new"] == 4
    assert [(row["label"], row["value"]) for row in found["funnel"]] == [("Handed to the team", 4), ("Accepted", 2), ("Won", 1)]
    sources = card(browser, "leads/_home_sources.html")
    assert [(row.leads, row.got_on, row.share) for row in sources["rows"]] == [(4, 2, 0.5)]
    html = browser.get("/").content.decode()
    assert "Qualified" not in html
    assert sources["step"] == "Accepted"


def test_sources_with_the_share_that_qualified(cast, client_of, make, met, now):
    met(make.lead(created_at=now - timedelta(days=2), first_source="Webinar", stage=Stage.MQL))
    make.lead(created_at=now - timedelta(days=2), first_source="Webinar")
    make.lead(created_at=now - timedelta(days=2))
    rows = card(client_of(cast.marketer), "leads/_home_sources.html")["rows"]
    assert [(row.name, row.leads, row.got_on, row.share) for row in rows] == [("Webinar", 2, 1, 0.5), ("Not known", 1, 0, 0)]
    listed = client_of(cast.marketer).get(rows[0].url).context["page"].paginator.count
    assert listed == 2


def test_who_cannot_be_reached_with_the_reason_and_a_list_that_agrees(cast, client_of, make):
    for problem, count in (("bad_email", 2), ("no_contact", 1)):
        for _ in range(count):
            make.lead("", contactable=False, contact_problem=problem, stage=Stage.INQUIRY)
    browser = client_of(cast.marketer)
    found = card(browser, "leads/_home_unreachable.html")
    assert found["total"] == 3
    assert [row["value"] for row in found["rows"]] == [2, 1]
    for row in found["rows"]:
        assert browser.get(row["url"]).context["page"].paginator.count == row["value"]


def test_the_last_imports_for_who_imports(cast, client_of, now):
    for number in range(7):
        ImportRun.objects.create(
            file_name=f"file{number}.csv",
            file_size=1,
            file_hash="x",
            state="done",
            created_by=cast.marketer,
            created_at=now + timedelta(minutes=number),
        )
    found = card(client_of(cast.marketer), "leads/_home_imports.html")
    assert [run.file_name for run in found["runs"]] == [f"file{number}.csv" for number in (6, 5, 4, 3, 2)]
    assert card(client_of(cast.manager), "leads/_home_imports.html") is None


def test_nothing_to_say_is_left_out(cast, client_of):
    browser = client_of(cast.marketer)
    for template in ("leads/_home_sources.html", "leads/_home_unreachable.html", "leads/_home_imports.html"):
        assert card(browser, template) is None
    assert "Nobody came in" in browser.get("/").content.decode()


def test_the_number_of_queries_is_fixed(cast, client_of, make, now):
    browser = client_of(cast.marketer)
    counts = []
    for _ in range(2):
        for number in range(10):
            make.lead(created_at=now - timedelta(days=1), first_source=f"s{number}", stage=list(Stage)[number])
        browser.get("/")
        with CaptureQueriesContext(connection) as queries:
            browser.get("/")
        counts.append(len(queries))
    assert counts[0] == counts[1]
