"""The timeline: everything that happened in one order, page after page without gap or double."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leads.errors import Invalid
from leads.models import Activity, Asset, Campaign, Case, LeadEvent, LeadNote, Reason
from leads.timeline import Place, timeline
from tests.builders import LONG_AGO

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def event(lead, kind, at, changes=None, reason="", actor=None):
    return LeadEvent.objects.create(lead=lead, kind=kind, at=at, changes=changes or {}, reason=reason, actor=actor)


def titles(lead, **options):
    return [entry.title for entry in timeline(lead, **options).entries]


def test_all_records_in_one_order_the_newest_first(make, cast):
    lead = make.lead()
    event(lead, "created", LONG_AGO)
    make.activity(lead, "webinar_attended", LONG_AGO + HOUR)
    event(lead, "stage", LONG_AGO + 2 * HOUR, {"lead.stage": ["prospect", "mql"]}, "Met the criteria")
    event(lead, "owner", LONG_AGO + 3 * HOUR, {"lead.owner": [None, cast.rep.pk]})
    LeadNote.objects.create(lead=lead, author=cast.rep, text="Called.", at=LONG_AGO + 4 * HOUR)
    Case.objects.create(
        lead=lead, kind="decision", decided_at=LONG_AGO, facts={}, outcome="won", outcome_at=LONG_AGO + 5 * HOUR, amount=1200
    )
    event(lead, "updated", LONG_AGO + 6 * HOUR, {"lead.country": ["", "DE"]})
    event(lead, "note", LONG_AGO + 6 * HOUR)
    event(lead, "outcome", LONG_AGO + 6 * HOUR, {"outcome": [None, "won"]})
    assert titles(lead) == ["Won", "Note", "Given to Rita Rep", "Became MQL", "Attended a webinar", "Came in"]
    assert timeline(lead).entries[0].detail == "1,200"
    assert timeline(lead).entries[3].detail == "Met the criteria"


def test_one_kind_alone(make, cast):
    lead = make.lead()
    make.activity(lead, "demo_request")
    LeadNote.objects.create(lead=lead, author=cast.rep, text="Hi", at=LONG_AGO)
    event(lead, "stage", LONG_AGO, {"lead.stage": ["prospect", "rejected"]})
    Case.objects.create(
        lead=lead,
        kind="decision",
        decided_at=LONG_AGO,
        facts={},
        outcome="lost",
        reason=Reason.objects.create(code="late", label="Too late"),
    )
    assert titles(lead, show="activity") == ["Requested a demo"]
    assert titles(lead, show="notes") == ["Note"]
    assert titles(lead, show="stages") == ["Became Rejected"]
    assert titles(lead, show="outcomes") == ["Lost"]
    assert timeline(lead, show="outcomes").entries[0].detail == "Too late"
    assert len(titles(lead, show="nonsense")) == 4


def test_the_same_thing_on_one_day_is_one_line_that_counts(make):
    lead = make.lead()
    for number in range(4):
        make.activity(lead, "pricing_view", LONG_AGO + number * HOUR)
    make.activity(lead, "pricing_view", LONG_AGO + timedelta(days=1))
    assert [(entry.title, entry.times) for entry in timeline(lead).entries] == [
        ("Viewed the pricing page", 1),
        ("Viewed the pricing page", 4),
    ]


def test_different_pages_are_different_things(make):
    lead = make.lead()
    for page in ("/a", "/b"):
        make.activity(lead, "page_view", LONG_AGO, properties={"page": page})
    assert [entry.detail for entry in timeline(lead).entries] == ["page: /b", "page: /a"]


def test_an_activity_says_what_was_taken_and_by_which_campaign(make):
    lead = make.lead()
    asset = Asset.objects.create(key="roi", name="ROI guide", kind="roi_guide", pain_points="Costs")
    make.activity(
        lead,
        "roi_guide",
        asset=asset,
        campaign=Campaign.objects.create(name="Spring"),
        properties={"depth": 3, "nested": {"a": 1}},
    )
    entry = timeline(lead).entries[0]
    assert entry.detail == "ROI guide · Spring · depth: 3"
    assert entry.asset == asset


@pytest.mark.parametrize("show", ["all", "activity"])
def test_pages_join_without_gap_or_double_though_times_are_equal(make, cast, show):
    lead = make.lead()
    for number in range(17):
        at = LONG_AGO + (number // 6) * HOUR
        make.activity(lead, f"kind_{number}", at)
        LeadNote.objects.create(lead=lead, author=cast.rep, text=str(number), at=at)
        event(lead, "stage", at, {"lead.stage": ["mql", "sal"]})
    whole = [entry.place for entry in timeline(lead, show=show, limit=500).entries]
    pages, after = [], None
    while True:
        page = timeline(lead, show=show, after=after, limit=4)
        pages += [entry.place for entry in page.entries]
        after = Place.parse(str(page.after)) if page.after else None
        if after is None:
            break
    assert pages == whole
    assert len(pages) == (51 if show == "all" else 17)


def test_something_that_happens_in_between_does_not_shift_the_next_page(make):
    lead = make.lead()
    for number in range(8):
        make.activity(lead, f"kind_{number}", LONG_AGO + number * HOUR)
    first = timeline(lead, limit=4)
    make.activity(lead, "late", LONG_AGO + 100 * HOUR)
    assert [entry.title for entry in timeline(lead, after=first.after, limit=4).entries] == [
        "Kind 3",
        "Kind 2",
        "Kind 1",
        "Kind 0",
    ]


@pytest.mark.parametrize(
    "text", ["", "x", "2026-01-01~1~1", "2026-01-01T00:00:00+00:00~a~1", "2026-01-01T00:00:00+00:00~1~0", "~~", "9" * 99]
)
def test_a_place_nobody_wrote_is_refused(text):
    with pytest.raises(Invalid):
        Place.parse(text)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40))
def test_any_text_is_a_place_or_refused(text):
    try:
        place = Place.parse(text)
    except Invalid:
        return
    assert Place.parse(str(place)) == place


def test_another_leads_history_stays_with_it(make, cast):
    lead, other = make.lead(), make.lead()
    make.activity(other)
    LeadNote.objects.create(lead=other, author=cast.rep, text="x", at=LONG_AGO)
    event(other, "stage", LONG_AGO, {"lead.stage": ["a", "b"]})
    assert timeline(lead).entries == []


def test_the_number_of_queries_is_fixed(make, cast):
    lead = make.lead()
    counts = []
    for _ in range(2):
        for number in range(6):
            make.activity(lead, f"kind_{number}")
            event(lead, "owner", LONG_AGO, {"lead.owner": [cast.rep.pk, cast.other_rep.pk]}, actor=cast.manager)
            LeadNote.objects.create(lead=lead, author=cast.rep, text="x", at=LONG_AGO)
        with CaptureQueriesContext(connection) as queries:
            timeline(lead)
        counts.append(len(queries))
    assert counts == [5, 5]
    assert Activity.objects.count() == 12
