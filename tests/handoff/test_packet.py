"""The packet: complete, kept up to date while queued, frozen when offered."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from handoff import packet
from handoff.models import Handoff, Packet
from handoff.routing import route_waiting
from leads.models import Asset, Campaign, LeadField, Product
from tests.handoff.conftest import HOUR, MONDAY


@pytest.fixture
def rich(work, make):
    """A lead with a history, a company, assets and questions."""
    product = Product.objects.create(key="suite", name="Suite")
    campaign = Campaign.objects.create(name="Spring webinar", channel="webinar")
    paper = Asset.objects.create(
        key="paper", name="Cost paper", kind="whitepaper", buying_stage="consideration", pain_points="Costs run away",
        talk_track="Ask who pays for delays",
    )  # fmt: skip
    Asset.objects.create(
        key="case", name="Case study", kind="case_study", buying_stage="decision", url="https://example.com/case"
    )
    Asset.objects.create(
        key="other",
        name="Other product's case",
        kind="case_study",
        buying_stage="decision",
        product=Product.objects.create(key="x", name="X"),
    )
    LeadField.objects.create(key="budget", label="Budget", help="Is there a budget?", type="text", known="decision")
    LeadField.objects.create(key="timing", label="Timing", help="When do they decide?", type="text", known="decision")
    LeadField.objects.create(key="fleet", label="Fleet size", type="number")
    lead = make.lead(
        company=make.company("Northwind Freight", industry="Logistics", employees=480, country="NL"), job_title="IT manager", country="NL",
        first_campaign=campaign, first_source="Webinar", product_interest=product, attributes={"budget": "yes"},
    )  # fmt: skip
    make.lead(company=lead.company)
    make.activity(lead, "webinar_attended", MONDAY - 48 * HOUR, campaign=campaign)
    make.activity(lead, "whitepaper", MONDAY - 24 * HOUR, asset=paper)
    make.activity(lead, "whitepaper", MONDAY - 23 * HOUR, asset=paper)
    return lead


def content_of(handoff):
    return Packet.objects.get(handoff=handoff).content


def test_it_says_why_line_by_line(work, rich):
    content = content_of(work.queued(lead=rich))
    assert content["score"] | {"at": ""} == {
        "total": 72, "fit": 22, "engagement": 50, "tier": 2, "kind": "mql", "model": "Main model", "version": "v1", "at": "",
    }  # fmt: skip
    assert [(line["words"], line["points"], line["group"]) for line in content["lines"]] == [
        ("Requested a demo", 50, "engagement"), ("Company size", 22, "fit"),
    ]  # fmt: skip
    assert sum(line["points"] for line in content["lines"]) == content["score"]["total"]
    assert content["lines"][1]["sub"] == "Employees: 480"


def test_it_says_how_they_came_and_what_they_did(work, rich):
    content = content_of(work.queued(lead=rich))
    assert (content["came"]["source"], content["came"]["campaign"], content["came"]["channel"]) == (
        "Webinar",
        "Spring webinar",
        "Webinar",
    )
    assert content["came"]["first"]["label"] == "Attended a webinar"
    assert [entry["label"] for entry in content["timeline"]] == [
        "Downloaded a white paper",
        "Downloaded a white paper",
        "Attended a webinar",
    ]
    assert content["timeline_total"] == 3
    (download,) = content["downloads"]
    assert (download["name"], download["pain_points"], download["talk_track"]) == (
        "Cost paper",
        "Costs run away",
        "Ask who pays for delays",
    )


def test_it_knows_the_company_the_gaps_and_the_questions(work, rich):
    content = content_of(work.queued(lead=rich))
    assert (content["company"]["name"], content["company"]["employees"], content["company"]["people"]) == (
        "Northwind Freight",
        480,
        2,
    )
    assert content["missing"] == ["Phone number", "Fleet size"]
    assert content["questions"] == [
        {"label": "Is there a budget?", "answer": "yes"},
        {"label": "When do they decide?", "answer": None},
    ]


def test_it_offers_material_for_the_next_stage_of_the_right_product(work, rich):
    content = content_of(work.queued(lead=rich))
    assert content["journey"] == {"stage": "consideration", "evidence": ["Cost paper"]}
    assert [asset["name"] for asset in content["material"]] == ["Case study"]


def test_it_tells_who_else_of_the_company_is_in_work_and_what_was_before(work, rich, make, cast):
    work.offered(lead=make.lead(company=rich.company))
    from handoff.actions import reject_handoff, review_rejection

    first = work.offered(lead=rich)
    reject_handoff(first, actor=cast.rep, reason="bad_timing", note="In autumn")
    work.hands.advance(HOUR)
    review_rejection(first, actor=cast.marketer, verdict="recycle")
    content = content_of(work.queued(lead=rich))
    assert content["company"]["in_work"] == ["Rita Rep"]
    assert [(one["nth"], one["owner"], one["reason"], one["note"]) for one in content["earlier"]] == [
        (1, "Rita Rep", "Not now", "In autumn")
    ]


def test_while_queued_it_follows_the_facts(work, rich, make, cast):
    cast.rep.rep.delete()
    handoff = work.queued(lead=rich)
    work.hands.advance(HOUR)
    make.activity(rich, "pricing_view", MONDAY + HOUR)
    assert packet.refresh_stale(at=MONDAY + HOUR) == 1
    assert content_of(handoff)["timeline"][0]["label"] == "Viewed the pricing page"
    assert packet.refresh_stale(at=MONDAY + HOUR) == 0


def test_once_offered_it_never_changes(work, rich, make):
    handoff = work.offered(lead=rich)
    before = Packet.objects.get(handoff=handoff)
    make.activity(rich, "pricing_view", MONDAY + HOUR)
    assert packet.build([handoff], at=MONDAY + HOUR) == []
    with pytest.raises(IntegrityError), transaction.atomic():
        Packet.objects.filter(handoff=handoff).update(content={})
    after = Packet.objects.get(handoff=handoff)
    assert (after.content, after.frozen_at) == (before.content, MONDAY)


def test_the_news_of_the_last_second_is_in_it(work, rich, make):
    handoff = work.queued(lead=rich)
    work.hands.advance(HOUR)
    make.activity(rich, "pricing_view", MONDAY + HOUR)
    route_waiting()
    assert content_of(handoff)["timeline"][0]["label"] == "Viewed the pricing page"


def test_a_missing_reason_to_qualify_makes_it_incomplete(work):
    handoff = work.queued(lines=[])
    stored = Packet.objects.get(handoff=handoff)
    assert (stored.complete, stored.missing) == (False, ["why the lead qualified"])


def test_a_lead_of_which_little_is_known_still_has_a_whole_packet(work, make):
    content = content_of(work.queued(lead=make.lead(first_name="", last_name="")))
    assert content["company"]["name"] == ""
    assert content["downloads"] == content["timeline"] == content["earlier"] == []
    assert content["came"]["first"] is None


def test_many_packets_cost_as_many_queries_as_few(work, django_assert_num_queries, make):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    for _ in range(2):
        work.qualification()
    from handoff.actions import open_handoffs

    open_handoffs()
    with CaptureQueriesContext(
        connection,
    ) as few:
        packet.build(list(Handoff.objects.select_related("qualification__model", "qualification__version")), at=MONDAY)
    for _ in range(10):
        work.qualification()
    open_handoffs()
    with django_assert_num_queries(len(few)):
        packet.build(list(Handoff.objects.select_related("qualification__model", "qualification__version")), at=MONDAY)
    assert Packet.objects.count() == 12


def test_a_long_history_is_read_only_as_far_as_it_is_shown(work, make):
    """Of each lead the newest hundred, the first, the ones behind the score and the latest of each asset are read."""
    paper = Asset.objects.create(key="paper", name="Cost paper", kind="whitepaper", buying_stage="consideration")
    old = Asset.objects.create(key="old", name="Old study", kind="case_study", buying_stage="decision")
    lead, other = make.lead(), make.lead()
    first = make.activity(lead, "webinar_attended", MONDAY - 900 * HOUR)
    make.activity(lead, "case_study", MONDAY - 800 * HOUR, asset=old)
    demo = make.activity(lead, "demo_request", MONDAY - 700 * HOUR)
    for hours in range(300, 0, -1):
        make.activity(lead, "whitepaper", MONDAY - hours * HOUR, asset=paper)
    make.activity(other, "webinar_attended", MONDAY - HOUR)
    lines = [{"kind": "criterion", "dimension": "engagement", "key": "demo", "label": "Demo", "points": 50, "events": [demo.pk]}]
    handoff = work.queued(lead=lead, lines=lines)
    content = content_of(handoff)
    assert (len(content["timeline"]), content["timeline_total"]) == (100, 303)
    assert content["timeline"][0]["at"] == (MONDAY - HOUR).isoformat()
    assert content["came"]["first"]["at"] == first.occurred_at.isoformat()
    assert [(one["name"], one["at"]) for one in content["downloads"]] == [
        ("Cost paper", (MONDAY - HOUR).isoformat()), ("Old study", (MONDAY - 800 * HOUR).isoformat()),
    ]  # fmt: skip
    assert (content["lines"][0]["sub"], content["lines"][0]["events"]) == ("", [demo.occurred_at.isoformat()])
    assert content["material"] == []
    assert content["journey"] == {"stage": "consideration", "evidence": ["Cost paper"]}
    library = packet._Library([lead.pk, other.pk])
    assert len(library.activities[lead.pk]) <= 104
    assert len(library.activities[other.pk]) == 1


def test_the_days_of_a_line_are_those_of_the_reader(work, make):
    lead = make.lead()
    late = datetime(2026, 6, 1, 22, 30, tzinfo=UTC)  # half past midnight in Berlin
    events = [make.activity(lead, "demo_request", at) for at in (late, late - HOUR, late - 24 * HOUR)]
    line = {
        "kind": "criterion",
        "key": "demo",
        "label": "Demo",
        "points": 50,
        "sub": "twice",
        "events": [one.pk for one in events],
    }
    kept = content_of(work.queued(lead=lead, lines=[line]))["lines"]
    for zone, days in (("Europe/Berlin", "2 Jun 2026, 1 Jun 2026"), ("UTC", "1 Jun 2026, 31 May 2026")):
        with timezone.override(zone):
            assert [one["sub"] for one in packet.readable(kept)] == [f"twice · {days}"]
    assert packet.readable([{"sub": "kept before, 1 Jun 2026"}]) == [{"sub": "kept before, 1 Jun 2026"}]
