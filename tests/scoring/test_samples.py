"""Sample leads: the same draw from the same data, blind until both sides have spoken, and what their words add up to."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from leads.actions.outcome import freeze_case
from leads.choices import CaseKind, Outcome
from leads.errors import Conflict, Invalid, NotAllowed
from leads.models import Lead
from scoring.actions.samples import A_DRAW, draw_samples, judge_sample
from scoring.actions.versions import create_draft
from scoring.agreement import agreement
from scoring.compiler import compile_version
from scoring.models import SampleVerdict, TalkEvent
from scoring.samples import sample_set
from scoring.sampling import draw
from scoring.snapshot.keeping import built_at_once
from tests.scoring.samples import a_tally, a_test, clause

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 8, 9, 30, tzinfo=UTC)
VP = a_test("vp", 30, clause("lead.job_title", "words", values=["vp"]), label="Vice president")
PAPERS = a_tally("papers", 6, days=90, award="each", label="White papers")


@pytest.fixture(autouse=True)
def clock(freeze):
    return freeze(NOW)


@pytest.fixture
def draft(make, agree, cast):
    """60 leads without points, 6 with many, half of all decided."""
    for number in range(66):
        lead = make.lead(job_title="VP Sales" if number % 11 == 0 else "Clerk", first_name=f"Known{number}", owner=cast.rep)
        if number % 11 == 0:
            make.activity(lead, "whitepaper", NOW - timedelta(days=30))
        if number % 2:
            won = number % 11 == 0
            freeze_case(
                lead, kind=CaseKind.DECISION, outcome=Outcome.WON if won else Outcome.LOST, decided_at=NOW - timedelta(days=7)
            )
            Lead.objects.filter(pk=lead.pk).update(stage="won" if won else "lost")
            make.activity(lead, "demo_request", NOW - timedelta(days=1))  # after the decision: not to be shown
    live = agree(VP, PAPERS)
    return create_draft(live.model, actor=cast.marketer, source=live)


def test_a_draw_is_repeatable_and_spread_over_the_scores(draft, cast):
    spec, snapshot = compile_version(draft), built_at_once()
    drawn = draw(spec, snapshot, 20, draft.pk)
    assert draw(spec, snapshot, 20, draft.pk) == drawn
    assert draw(spec, snapshot, 20, draft.pk + 1) != drawn
    assert len(drawn) == len({one.lead for one in drawn}) == 20
    assert sum(one.case is not None for one in drawn) == 10
    high = set(Lead.objects.filter(job_title="VP Sales").values_list("pk", flat=True))
    assert high <= {one.lead for one in drawn}  # 6 of 66 leads, all of them among the 20
    more = draw(spec, snapshot, 20, draft.pk, [one.lead for one in drawn])
    assert not {one.lead for one in more} & {one.lead for one in drawn}

    stored = draw_samples(draft, actor=cast.marketer)
    assert [(one.lead_id, one.case_id) for one in stored] == [(one.lead, one.case) for one in drawn]
    assert [one.no for one in draw_samples(draft, actor=cast.marketer)] == list(range(A_DRAW + 1, 2 * A_DRAW + 1))
    draw_samples(draft, actor=cast.marketer)
    with pytest.raises(Conflict):
        draw_samples(draft, actor=cast.marketer)
    with pytest.raises(NotAllowed):
        draw_samples(draft, actor=cast.rep)


def test_samples_are_judged_blind_and_compared_once_both_sides_have_spoken(draft, cast, client):
    draw_samples(draft, actor=cast.marketer)
    samples = list(draft.samples.select_related("version", "case"))
    first, second, third = samples[:3]
    judge_sample(first, "bad", actor=cast.marketer)
    judge_sample(first, "good", actor=cast.marketer)  # another word as long as nothing is shown
    seen = sample_set(draft, cast.manager).samples[0]
    assert (seen.spoken, seen.words, seen.result, seen.is_shown) == ({"marketing"}, {}, None, False)
    client.force_login(cast.manager)
    url = reverse("admin:version-samples", args=[draft.pk])
    text = client.get(url).content.decode()
    assert "Known" not in text
    assert "Requested a demo" not in text
    assert "Model:" not in text

    judge_sample(first, "bad", actor=cast.manager)
    judge_sample(second, "good", actor=cast.marketer)
    judge_sample(second, "", actor=cast.marketer)
    assert not SampleVerdict.objects.filter(sample=second).exists()
    for side, word in ((cast.marketer, "unsure"), (cast.manager, "good")):
        judge_sample(second, word, actor=side)
        judge_sample(third, "good", actor=side)
    found = sample_set(draft, cast.manager)
    assert [one.is_shown for one in found.samples[:4]] == [True, True, True, False]
    assert (found.sides.rows, found.sides.alike, found.sides.only_first, found.sides.share) == (2, 1, 1, None)
    assert all(one.result is not None for one in found.shown)
    model = {side: one for side, one in found.with_model}
    assert (model["marketing"].rows, model["sales"].rows) == (2, 3)
    for refused, word in ((Conflict, "good"), (Conflict, ""), (Invalid, "perhaps")):
        with pytest.raises(refused):
            judge_sample(first, word, actor=cast.marketer)
    with pytest.raises(NotAllowed):
        judge_sample(samples[5], "good", actor=cast.admin)
    verbs = list(TalkEvent.objects.filter(version=draft).order_by("no").values_list("verb", "target"))
    assert verbs[:2] == [("draw_samples", ""), ("judge_sample", "")]
    assert ("undo_sample", "") in verbs

    answer = client.post(
        reverse("admin:sample-judge", args=[draft.pk, samples[4].no]), {"word": "bad"}, headers={"HX-Request": "true"}
    )
    assert answer.status_code == 200
    assert answer.context["found"].next.stored.no == samples[3].no
    text = client.get(url).content.decode()
    assert "Known" in text
    assert "Marketing and sales" in text
    answer = client.post(
        reverse("admin:sample-judge", args=[draft.pk, first.no]), {"word": "good"}, headers={"HX-Request": "true"}
    )
    assert answer.status_code == 409


def test_agreement_beyond_chance():
    small = agreement([(True, True)] * 12)
    assert (small.alike, small.rows, small.share, small.kappa) == (12, 12, None, None)
    # Cohen 1960's arithmetic: 20 + 15 of 50 alike, chance 0.5 -> 0.4
    found = agreement([(True, True)] * 20 + [(False, False)] * 15 + [(True, False)] * 5 + [(False, True)] * 10)
    assert (found.share, round(found.kappa, 6)) == (0.7, 0.4)
    assert agreement([(True, True)] * 40).kappa is None
