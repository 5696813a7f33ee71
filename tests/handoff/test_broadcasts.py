"""What other systems are told of hand-offs: every move and deadline once, an answer only when it can no longer be taken back."""

import json
from datetime import timedelta

import pytest

from handoff.actions.answering import accept_handoff, reject_handoff, undo_answer
from handoff.actions.assigning import reassign
from handoff.models import SlaTimer
from handoff.routing import route_waiting
from handoff.states import UNDO
from handoff.sweep import sweep
from leads import clock
from leads.actions.outcome import record_outcome
from leads.models import Outbox, Reason, Webhook
from leads.notify import endpoints
from leads.notify.outbox import deliver
from leads.notify.posting import Answer
from leads.notify.registry import events
from leads.sealing import seal
from tests.handoff.conftest import MONDAY


@pytest.fixture
def posted(monkeypatch, db):
    """What a webhook that wants everything is sent; the way there has tests of its own."""
    sent = []

    def post(url, body, headers):
        sent.append(json.loads(body))
        return Answer(200, 1, "", "")

    monkeypatch.setattr(endpoints, "post", post)
    Webhook.objects.create(
        name="CRM", sealed_url=seal("https://example.com/"), shown_url="https://example.com/", sealed_secret=seal("whsec_AAAA"),
        events=[name for name in events if name.startswith("handoff.")], on_since=MONDAY, created_at=MONDAY,
    )  # fmt: skip
    return sent


def test_moves_are_told_in_words_and_facts(work, cast, hands, posted):
    offered = work.offered()
    deliver(clock.now())
    (first,) = posted
    assert (first["type"], first["data"]["owner_email"], first["data"]["state"]) == (
        "handoff.offered",
        "rita@accord.test",
        "offered",
    )
    assert first["data"]["url"].endswith(f"/handoffs/{offered.pk}/")
    assert first["data"]["title"].startswith("Accord offered Ivy Okafor")
    assert first["data"]["title"].endswith("to Rita Rep")
    assert first["data"]["lead_id"] == offered.lead_id
    accept_handoff(offered, actor=cast.rep)
    assert deliver(clock.now()) == 0  # it can be taken back
    deliver(clock.now() + UNDO)
    assert [one["type"] for one in posted] == ["handoff.offered", "handoff.accepted"]
    assert posted[1]["data"]["actor"] == "Rita Rep"
    # A win told elsewhere ends it.
    record_outcome(work.fresh(offered).lead, "won", actor=cast.rep, at=clock.now())
    deliver(clock.now() + UNDO)
    assert posted[-1]["type"] == "handoff.won"


def test_an_answer_taken_back_is_not_told(work, cast, hands, posted):
    work.rep(cast.other_rep)
    offered = work.offered()
    owner = offered.owner
    reason = Reason.objects.filter(for_reject=True, active=True, children=None, needs_words=False).first()
    reject_handoff(offered, actor=owner, reason=reason)
    hands.advance(timedelta(seconds=5))
    undo_answer(work.fresh(offered), actor=owner)
    deliver(clock.now() + UNDO)
    assert [one["type"] for one in posted] == ["handoff.offered"]
    other = cast.other_rep if owner == cast.rep else cast.rep
    reassign(work.fresh(offered), actor=cast.manager, to=other, reason="Away")
    hands.advance(timedelta(minutes=1))
    reject_handoff(work.fresh(offered), actor=other, reason=reason, note="Not our market")
    deliver(clock.now() + UNDO)
    assert [one["type"] for one in posted[1:]] == ["handoff.offered", "handoff.rejected"]
    told = posted[-1]["data"]
    assert (told["reason"], told["reason_code"], told["note"]) == (reason.label, reason.code, "Not our market")


def test_a_deadline_that_passes_is_told_once_whoever_else_is_told(work, cast, hands, posted):
    offered = work.offered()
    deliver(clock.now())
    timer = SlaTimer.objects.get(handoff=offered, kind="accept")
    hands.move_to(timer.due_at)
    while sweep(timer.due_at):
        pass
    deliver(clock.now())
    assert [one["type"] for one in posted[1:]] == ["handoff.overdue"]
    assert posted[-1]["data"]["clock"] == "accept"
    sweep(timer.due_at)
    assert Outbox.objects.filter(channel="webhook", payload__event="handoff.overdue").count() == 1


def test_routing_many_asks_once_who_wants_to_know(work, cast, posted):
    for _ in range(3):
        work.queued()
    assert route_waiting() == 3
    assert Outbox.objects.filter(channel="webhook", payload__event="handoff.offered").count() == 3
