"""What people are told, in words that make sense alone and together."""

import pytest

from handoff import broadcasts, notices
from handoff.models import SlaTimer
from handoff.sweep import sweep
from leads.models import Outbox, TeamMember, User
from leads.notify import bell
from leads.notify.channels import compose
from leads.notify.outbox import deliver
from leads.notify.registry import kinds
from tests.handoff.conftest import HOUR, MONDAY


def mails_of(user):
    return [compose([row]) for row in Outbox.objects.filter(recipient=user, channel="mail").order_by("pk")]


def test_an_offer_says_who_why_and_until_when_in_the_readers_zone(work, cast):
    handoff = work.offered()
    (notice,) = bell.latest(cast.rep)
    assert notice.title == f"{handoff.lead.name}, {handoff.lead.company} is offered to you"
    assert "Requested a demo, Company size (72 points)" in notice.text
    assert "answer by Mon 8 Jun, 14:00 CEST" in notice.text
    assert notice.url == f"/handoffs/{handoff.pk}/"


def test_a_subject_names_nobody(work, cast):
    handoff = work.offered()
    work.hands.move_to(MONDAY + 4 * HOUR)
    sweep()
    subjects = [mail.subject for mail in mails_of(cast.rep)]
    assert subjects == ["A lead is offered to you", "A hand-off is past its time"]
    assert not any(handoff.lead.last_name in subject for subject in subjects)


def test_many_offers_leave_as_one_mail(work, cast, mailoutbox):
    from handoff.actions import open_handoffs
    from handoff.routing import route_waiting

    for _ in range(4):
        work.qualification()
    open_handoffs()
    route_waiting()
    work.hands.advance(HOUR / 30)
    deliver()
    (mail,) = mailoutbox
    assert mail.subject == "4 leads are offered to you"
    assert mail.body.count("http://testserver/handoffs/") == 4


def test_an_offer_already_opened_in_the_portal_is_not_mailed(work, cast, mailoutbox):
    from handoff.actions.seen import mark_seen

    mark_seen(work.offered(), actor=cast.rep)
    work.hands.advance(HOUR)
    deliver()
    assert mailoutbox == []


def test_who_wants_no_mail_about_offers_gets_none(work, cast):
    User.objects.filter(pk=cast.rep.pk).update(mail_handoffs=False)
    work.offered()
    assert not Outbox.objects.filter(recipient=cast.rep, channel="mail").exists()
    assert bell.unread(cast.rep) == 1


def test_a_manager_reads_whose_time_is_over(work, cast):
    work.offered()
    work.hands.move_to(MONDAY + 4 * HOUR)
    sweep()
    (notice,) = bell.latest(cast.manager)
    assert "the time to accept or reject it ended Mon 8 Jun, 14:00 CEST. It is with Rita Rep." in notice.text


def test_without_a_manager_the_head_of_sales_hears_of_it(work, cast):
    TeamMember.objects.filter(is_manager=True).delete()
    cast.manager.groups.clear()
    work.offered()
    work.hands.move_to(MONDAY + 4 * HOUR)
    sweep()
    assert bell.unread(cast.head_of_sales) == 1


@pytest.mark.parametrize(
    "kind", [name for name in kinds if name.startswith("handoff.") and name not in (notices.WORK, broadcasts.KIND)]
)
@pytest.mark.parametrize("count", [1, 3])
def test_every_message_has_words_alone_and_together(work, cast, kind, count):
    handoff = work.offered()
    payload = notices.facts(
        handoff, clock="accept", action="breach", owner="Rita", promised=MONDAY.isoformat(), actor="Mona", reason="Too small", note="Four people",
        verb="reassign", to="Otto", mqo=True, cause="activation",
    )  # fmt: skip
    rows = [
        Outbox(key=f"k{n}", kind=kind, channel="mail", recipient=cast.rep, payload=payload, due_at=MONDAY, created_at=MONDAY)
        for n in range(count)
    ]
    mail = compose(rows)
    assert mail.subject
    assert "\n" not in mail.subject
    assert str(handoff.lead.company) in mail.body
    assert "None" not in mail.body
    assert mail.alternatives[0][1] == "text/html"


def test_a_message_about_a_clock_that_ended_is_void(work, cast):
    from handoff.actions import accept_handoff

    handoff = work.offered()
    work.hands.move_to(MONDAY + 3.4 * HOUR)
    sweep()
    row = Outbox.objects.get(kind=notices.STEP, channel="mail")
    assert kinds[notices.STEP].still_valid(row)
    accept_handoff(handoff, actor=cast.rep)
    assert not kinds[notices.STEP].still_valid(row)
    assert not SlaTimer.objects.filter(handoff=handoff, kind="accept", state="running").exists()
