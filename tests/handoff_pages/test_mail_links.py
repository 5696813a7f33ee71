"""Answering an offer from the mail: looking changes nothing, the button answers once, and every dead link says why."""

import re

import pytest
from django.test import Client

from handoff import mail_links
from handoff.actions.answering import undo_answer
from handoff.actions.assigning import reassign
from handoff.history import history
from handoff.models import HandoffEvent
from leads import clock
from leads.models import Outbox, Reason
from leads.notify import endpoints
from leads.notify.composing import compose


def mail_of(person):
    rows = Outbox.objects.select_related("recipient").filter(recipient=person, kind="handoff.offered", channel="mail")
    return compose(list(rows.order_by("pk")))


def links_in(message):
    return re.findall(r"http://testserver(/answer/\S+)", message.body)


@pytest.fixture
def offered(work):
    return work.offered()


@pytest.fixture
def link(offered):
    accept, reject = links_in(mail_of(offered.owner))
    assert reject == f"{accept}?answer=reject"
    return accept


@pytest.fixture
def stranger():
    """A browser nobody is signed in with."""
    return Client()


def press(browser, link, **sent):
    return browser.post(link, sent, follow=True)


def test_the_mail_offers_both_answers_in_text_and_html(offered, link):
    message = mail_of(offered.owner)
    html = message.alternatives[0].content
    assert f'href="http://testserver{link}"' in html
    assert f'href="http://testserver{link}?answer=reject"' in html
    assert links_in(mail_of(offered.owner))[0] == link  # a repeat is the same mail
    assert offered.lead.email not in message.body


def test_looking_changes_nothing_and_the_button_accepts_once(work, offered, link, stranger, cast):
    before = HandoffEvent.objects.count()
    for method in (stranger.get, stranger.head, stranger.get):
        assert method(link).status_code == 200
    assert (work.fresh(offered).state, HandoffEvent.objects.count()) == ("offered", before)
    assert work.fresh(offered).seen_at is None
    careful = Client(enforce_csrf_checks=True)
    assert careful.post(link, {"answer": "accept"}).status_code == 403  # not from our form
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', careful.get(link).content.decode())[1]
    answered = press(careful, link, answer="accept", csrfmiddlewaretoken=token)
    assert answered.status_code == 200
    assert "You accepted Ivy Okafor" in answered.content.decode()
    assert "by a link in a mail" in answered.content.decode()
    accepted = work.fresh(offered)
    assert (accepted.state, accepted.owner) == ("accepted", offered.owner)
    event = HandoffEvent.objects.get(handoff=offered, verb="accept")
    assert (event.actor, event.detail["via"]) == (offered.owner, "mail")
    assert any("by a link in a mail" in entry.sub for entry in history(accepted))
    # It is used: nothing is answered twice, and nobody is signed in by it.
    assert "You accepted" in press(stranger, link, answer="reject").content.decode()
    assert work.fresh(offered).state == "accepted"
    assert stranger.get(f"/handoffs/{offered.pk}/").status_code == 302
    assert stranger.get(link)["Cache-Control"].count("no-store") == 1


def test_a_rejection_needs_its_reason_and_its_words(work, offered, link, stranger):
    asked = stranger.get(f"{link}?answer=reject").content.decode()
    assert '<details class="p-mt" open>' in asked
    without = press(stranger, link, answer="reject")
    assert without.status_code == 422
    assert "Choose a reason for rejecting." in without.content.decode()
    wordy = Reason.objects.filter(needs_words=True, for_reject=True, active=True, children=None).first()
    assert "needs a few words" in press(stranger, link, answer="reject", reason=wordy.code, note=" ").content.decode()
    long = press(stranger, link, answer="reject", reason=wordy.code, note="x" * 501)
    assert (long.status_code, "501 characters" in long.content.decode()) == (422, True)
    assert press(stranger, link, answer="rubbish").status_code == 422
    assert work.fresh(offered).state == "offered"
    done = press(stranger, link, answer="reject", reason=wordy.code, note="They moved")
    assert "You rejected Ivy Okafor" in done.content.decode()
    rejected = work.fresh(offered)
    assert (rejected.state, rejected.reason, rejected.note) == ("rejected", wordy, "They moved")


def test_every_dead_link_says_what_it_is(work, offered, link, stranger, cast, client_of):
    other = cast.other_rep
    work.rep(other)
    token = link.split("/")[2]
    for changed in (f"{token}x", token[:-3], "a:b", token.replace(":", ";", 1)):
        refused = stranger.get(f"/answer/{changed}/")
        assert (refused.status_code, "not one of ours" in refused.content.decode()) == (404, True)
    somebody = client_of(other).get(link)
    assert (somebody.status_code, "made for Rita Rep" in somebody.content.decode()) == (404, True)
    assert client_of(offered.owner).get(link).status_code == 200
    # Expired.
    owner = offered.owner
    old = mail_links.path_for(offered.pk, owner, epoch=offered.epoch, made_at=clock.now() - mail_links.LIFE)
    late = press(stranger, old, answer="accept")
    assert (late.status_code, "has expired" in late.content.decode()) == (410, True)
    # Revoked by a changed password, and by an account switched off.
    password, owner.password = owner.password, "another"
    owner.save()
    assert "no longer counts" in press(stranger, link, answer="accept").content.decode()
    owner.password = password
    owner.is_active = False
    owner.save()
    assert "no longer counts" in press(stranger, link, answer="accept").content.decode()
    owner.is_active = True
    owner.save()
    # Given to somebody else.
    reassign(work.fresh(offered), actor=cast.manager, to=other, reason="Away")
    gone = press(stranger, link, answer="accept")
    assert (gone.status_code, "Mona Manager reassigned this hand-off to Otto Other" in gone.content.decode()) == (410, True)
    assert (work.fresh(offered).state, work.fresh(offered).owner) == ("offered", other)
    # And back again: another offer, which has a link of its own.
    reassign(work.fresh(offered), actor=cast.manager, to=owner, reason="Back")
    assert press(stranger, link, answer="accept").status_code == 410
    fresh = mail_links.path_for(offered.pk, owner, epoch=work.fresh(offered).epoch, made_at=clock.now())
    assert press(stranger, fresh, answer="accept").status_code == 200
    assert work.fresh(offered).state == "accepted"


def test_an_answer_taken_back_leaves_the_link_used(work, offered, link, stranger):
    press(stranger, link, answer="accept")
    undo_answer(work.fresh(offered), actor=offered.owner)
    again = press(stranger, link, answer="accept")
    assert (again.status_code, "took back the answer" in again.content.decode()) == (410, True)
    assert work.fresh(offered).state == "offered"


def test_trying_links_out_ends_soon(stranger, offered, link):
    codes = [stranger.get(f"/answer/guess{n}/", REMOTE_ADDR="192.0.2.7").status_code for n in range(62)]
    assert (codes[:60], codes[60:]) == ([404] * 60, [429] * 2)
    codes = [stranger.get(link, REMOTE_ADDR=f"192.0.2.{n + 10}").status_code for n in range(31)]
    assert codes == [200] * 30 + [429]


def test_no_link_stands_in_the_log(stranger, link, caplog):
    caplog.set_level("DEBUG")
    stranger.get(link)
    assert "/answer/…" in caplog.text
    assert link.split("/")[2][:20] not in caplog.text


def test_several_offers_in_one_mail_have_a_link_each(work, cast, stranger):
    handoffs = [work.offered(), work.offered()]
    links = links_in(mail_of(cast.rep))
    assert len(set(links)) == 2
    press(stranger, links[1], answer="accept")
    assert sorted(work.fresh(one).state for one in handoffs) == ["accepted", "offered"]


def test_messages_to_other_systems_carry_no_link(offered, settings):
    row = Outbox.objects.filter(kind="handoff.offered").first()
    row.payload |= {"event": "handoff.offered"}
    assert b"/answer/" not in endpoints.body_of(row, "generic") + endpoints.body_of(row, "slack")
