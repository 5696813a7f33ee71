"""A version on two sheets: what it says, against which version, and that it hides what a blind round hides."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from leads.actions.outcome import freeze_case
from leads.choices import CaseKind, Outcome
from scoring.actions.criteria import set_points
from scoring.actions.talk import add_comment, begin_blind_round, give_verdict, state_view
from scoring.actions.versions import create_draft
from scoring.beside import read_against
from scoring.brief import brief_of
from scoring.signoff import NOBODY
from tests.scoring.samples import a_tally, a_test, clause, when

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 8, 9, 30, tzinfo=UTC)
VP = a_test("vp", 30, clause("lead.job_title", "words", values=["vp"]), label="Vice president")
PAPERS = a_tally("papers", 12, days=90, award="each", label="White papers")


@pytest.fixture(autouse=True)
def clock(freeze):
    return freeze(NOW)


def test_a_draft_on_paper_says_what_changes_what_it_does_and_what_both_sides_say(make, agree, cast, client, freeze):
    for number in range(40):
        lead = make.lead(job_title="VP Sales" if number % 2 else "Clerk")
        outcome = Outcome.WON if number % 4 == 1 else Outcome.LOST
        freeze_case(lead, kind=CaseKind.DECISION, outcome=outcome, decided_at=NOW - timedelta(days=7 + number))
    live = agree(VP, PAPERS)
    draft = create_draft(live.model, actor=cast.marketer, source=live)
    row = draft.criteria.select_related("version").get(key="vp")
    set_points(row, 8, actor=cast.marketer, rev=draft.rev)
    row.refresh_from_db()
    state_view(row, need="required", points=8, actor=cast.marketer)
    state_view(row, need="nice", points=6, actor=cast.manager)
    give_verdict(row, "agree", seen_hash=row.content_hash, actor=cast.marketer)
    add_comment(row, "Why so few?", actor=cast.manager)

    brief = brief_of(draft, cast.marketer)
    assert brief.beside == live
    assert [one.words for one in brief.differences] == ["Vice president: points 30 → 8"]
    preview = brief.effect.preview
    assert (preview.draft.precision.labelled.rows, preview.live.precision.labelled.rows) == (0, 20)
    assert {one.outcome: (one.entering, one.leaving) for one in brief.moving} == {
        "won": (0, 10), "lost": (0, 10), "open": (0, 20),
    }  # fmt: skip
    first = next(one for one in brief.criteria if one.words.key == "vp")
    assert (first.before, first.is_changed, [one.points for one in first.views]) == (30, True, [8, 6])
    assert brief.open_words == 1

    client.force_login(cast.marketer)
    answer = client.get(reverse("admin:version-brief", args=[draft.pk]))
    text = answer.content.decode()
    for words in ("v2 draft, against v1 in force", "points 30", "40 leave", "+8 required", "+6 nice to have", "1 open question"):
        assert words in text
    part = client.get(reverse("admin:version-brief", args=[draft.pk]), headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith("<article")
    assert "<html" not in part

    freeze(NOW + timedelta(hours=1))
    begin_blind_round(draft, actor=cast.marketer)
    draft.refresh_from_db()
    state_view(row, need="nice", points=5, actor=cast.manager)
    views = next(one for one in brief_of(draft, cast.marketer).criteria if one.words.key == "vp").views
    assert [(one.points, one.is_hidden) for one in views] == [(8, False), (None, True)]


def test_a_version_is_read_against_what_it_replaced_and_a_draft_against_what_is_in_force(agree, cast, client):
    first, second = agree(VP), agree(VP, PAPERS)
    draft = create_draft(second.model, actor=cast.marketer, source=first)
    assert [read_against(one) for one in (draft, second, first)] == [second, first, None]
    client.force_login(cast.marketer)
    text = client.get(reverse("admin:version-compare", args=[second.pk])).content.decode()
    assert "v2 against v1" in text
    draft.decision = {"kind": "total"}
    draft.save(update_fields=["decision"])
    text = client.get(reverse("admin:version-brief", args=[draft.pk])).content.decode()
    assert "It cannot be tried yet" in text
    assert "What it would have done" not in text


def test_many_criteria_are_set_smaller_and_every_one_is_there(agree, cast, client):
    many = [a_test(f"c{number}", 2, clause("lead.job_title", "words", values=[f"word{number}"])) for number in range(25)]
    gate = {"key": "rival", "label": "A rival", "when": when(clause("lead.email_domain", "in", values=["rival.test"]))}
    live = agree(*many, gates=[gate])
    draft = create_draft(live.model, actor=cast.marketer, source=live)
    for number in range(14):
        set_points(draft.criteria.select_related("version").get(key=f"c{number}"), 3, actor=cast.marketer, rev=number + 1)
    brief = brief_of(draft, cast.marketer)
    assert (len(brief.criteria), brief.is_tight) == (25, True)
    assert [one.words.key for one in brief.criteria if one.is_changed] == [f"c{number}" for number in range(14)]
    client.force_login(cast.marketer)
    text = client.get(reverse("admin:version-brief", args=[draft.pk])).content.decode()
    assert "E-mail domain is “rival.test”" in text
    assert text.count("points <b>3</b>") == 14
    assert all(f"Job title has the words “word{number}”" in text for number in range(25))
    assert brief.version.model.signers == NOBODY
    assert brief.seats
    assert not any(seat.missing for seat in brief.seats)
