"""Two real connections at the same moment: one wins, the other is told, and what is recorded is consistent."""

import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection, transaction

from handoff import packet
from handoff.actions import accept_handoff, open_handoffs, reassign, reject_handoff
from handoff.defaults import install_defaults
from handoff.ladder import to_us
from handoff.models import Handoff, HandoffEvent, Packet, Rep, SlaEvent, SlaTimer
from handoff.routing import offer, route_waiting
from handoff.states import ClockKind, HandoffState
from handoff.sweep import sweep, sweep_batch
from leads import clock
from leads.errors import Conflict, NotAllowed
from leads.models import Case, Outbox
from tests.handoff.conftest import Work

pytestmark = pytest.mark.django_db(transaction=True)
TOLD = (Conflict, NotAllowed)


@pytest.fixture
def defaults(transactional_db):
    install_defaults("Europe/Berlin")


@pytest.fixture
def work(transactional_db, defaults, make, cast):
    """As in the other tests, but with the clock running."""
    work = Work(make, cast)
    work.rep(cast.rep, open_cap=500)
    at = clock.now()
    work.qualification = lambda _made=work.qualification, **fields: _made(at=fields.pop("at", at), **fields)
    return work


def together(*acts):
    """Run all at the same moment on connections of their own; the answers or errors, in order."""
    barrier, answers = threading.Barrier(len(acts)), [None] * len(acts)

    def run(place, act):
        try:
            barrier.wait(10)
            answers[place] = act()
        except Exception as error:
            answers[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


def holding(act, meanwhile):
    """Do `act` and keep its transaction open until `meanwhile`, on another connection, waits for it or is done."""
    answers = {}
    started = threading.Event()

    def other():
        started.set()
        try:
            answers["other"] = meanwhile()
        except Exception as error:
            answers["other"] = error
        finally:
            connection.close()

    thread = threading.Thread(target=other)
    with transaction.atomic():
        answers["first"] = act()
        thread.start()
        started.wait(5)
        thread.join(0.5)
    thread.join(30)
    return answers["first"], answers["other"]


def due_now(handoff):
    """Move the accept clock so that its breach is due this instant."""
    timer = handoff.timers.get(kind=ClockKind.ACCEPT)
    now = clock.now()
    instant = int((now - timedelta(seconds=1)).timestamp() * 1_000_000)
    plan = [[instant, "breach"], [instant + 10**12, "reassign"]]
    SlaTimer.objects.filter(pk=timer.pk).update(
        due_at=now - timedelta(seconds=1), plan=plan, next_fire_at=now - timedelta(seconds=1)
    )
    return timer


@pytest.mark.parametrize("_", range(3))
def test_two_answers_at_once_are_one_answer(work, cast, _):
    handoff = work.offered()
    answers = together(
        lambda: accept_handoff(handoff.pk, actor=cast.rep), lambda: reject_handoff(handoff.pk, actor=cast.rep, reason="too_small")
    )
    assert [isinstance(answer, Conflict) for answer in answers].count(True) == 1
    fresh = work.fresh(handoff)
    assert fresh.state in (HandoffState.ACCEPTED, HandoffState.REJECTED)
    assert HandoffEvent.objects.filter(handoff=handoff, verb__in=("accept", "reject")).count() == 1
    assert Case.objects.filter(lead=handoff.lead).count() == 1
    loser = next(answer for answer in answers if isinstance(answer, Conflict))
    assert "Rita Rep" in loser.message


def test_many_tabs_accept_once(work, cast):
    handoff = work.offered()
    answers = together(*[lambda: accept_handoff(handoff.pk, actor=cast.rep)] * 6)
    assert Counter(type(answer).__name__ for answer in answers) == {"Handoff": 1, "Conflict": 5}
    assert handoff.timers.filter(kind=ClockKind.FIRST_CONTACT).count() == 1


@pytest.mark.parametrize("first", ["accept", "reassign"])
def test_accept_against_reassign_in_both_orders(work, cast, first):
    handoff = work.offered()
    work.rep(cast.other_rep)
    seen = work.fresh(handoff)
    acts = [lambda: accept_handoff(seen, actor=cast.rep), lambda: reassign(handoff.pk, actor=cast.manager, to=cast.other_rep)]
    won, other = holding(*(acts if first == "accept" else reversed(acts)))
    assert won.pk == handoff.pk
    fresh = work.fresh(handoff)
    if first == "accept":  # a manager may reassign what was accepted
        assert (fresh.owner, fresh.state) == (cast.other_rep, HandoffState.OFFERED)
    else:
        assert isinstance(other, Conflict)
        assert "reassigned" in other.message
        assert (fresh.owner, fresh.state) == (cast.other_rep, HandoffState.OFFERED)
    assert fresh.timers.filter(kind=ClockKind.ACCEPT, state="running").count() == 1


def test_a_breach_that_fires_first_is_kept_and_the_answer_is_late(work, cast):
    handoff = work.offered()
    timer = due_now(handoff)
    swept, accepted = holding(lambda: sweep_batch(clock.now()), lambda: accept_handoff(handoff.pk, actor=cast.rep))
    assert swept == 1
    assert accepted.state == HandoffState.ACCEPTED
    timer.refresh_from_db()
    breach = SlaEvent.objects.get(timer_id=timer.pk, step="breach")
    assert breach.outcome == "fired"
    assert breach.fired_at <= timer.met_at
    assert timer.met_at > timer.due_at


def test_an_answer_that_holds_the_clock_records_the_breach_and_the_sweep_leaves_it(work, cast):
    handoff = work.offered()
    timer = due_now(handoff)
    accepted, swept = holding(lambda: accept_handoff(handoff.pk, actor=cast.rep), lambda: sweep_batch(clock.now()))
    assert accepted.state == HandoffState.ACCEPTED
    assert swept == 0
    assert SlaEvent.objects.get(timer_id=timer.pk, step="breach").outcome == "recorded"
    assert not Outbox.objects.filter(timer_id=timer.pk, kind="handoff.step").exists()
    assert sweep() == 0


def test_answers_sweeps_and_reassignments_at_once_never_deadlock(work, cast):
    handoffs = [work.offered() for _ in range(6)]
    work.rep(cast.other_rep)
    for handoff in handoffs:
        due_now(handoff)
        acts = [
            lambda pk=handoff.pk: accept_handoff(pk, actor=cast.rep),
            lambda pk=handoff.pk: reassign(pk, actor=cast.manager, to=cast.other_rep),
            sweep,
            lambda: sweep_batch(clock.now()),
        ]
        answers = together(*acts)
        assert not [answer for answer in answers if isinstance(answer, Exception) and not isinstance(answer, TOLD)]
        assert SlaEvent.objects.filter(handoff_id=handoff.pk, step="breach").count() == 1


def test_two_sweeps_fire_everything_once(work, cast):
    Rep.objects.update(open_cap=1000)
    for _ in range(60):
        work.qualification()
    open_handoffs()
    assert route_waiting() == 60
    for handoff in Handoff.objects.all():
        due_now(handoff)
    assert sum(together(sweep, sweep, sweep)) == 60
    assert SlaEvent.objects.filter(step="breach", outcome="fired").count() == 60
    told = Outbox.objects.filter(kind="handoff.step", channel="inapp")
    assert Counter(told.values_list("recipient__email", flat=True)) == {cast.rep.email: 60, cast.manager.email: 60}


def test_two_routers_give_each_lead_once_fairly_and_within_the_caps(work, cast, make):
    Rep.objects.update(open_cap=20)
    for name in ("b", "c"):
        work.rep(make.user(f"{name}@accord.test", name, "rep"), open_cap=20)
    for _ in range(50):
        work.qualification()
    open_handoffs()
    answers = together(route_waiting, route_waiting, route_waiting)
    for _ in range(5):
        route_waiting()
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    owners = Counter(Handoff.objects.values_list("owner__email", flat=True))
    assert sorted(owners.values()) == [16, 17, 17]
    assert HandoffEvent.objects.filter(verb="offer").count() == 50
    assert SlaTimer.objects.filter(kind=ClockKind.ACCEPT).count() == 50
    assert not Handoff.objects.exclude(lead__owner=None).exclude(lead__owner_id__in=Rep.objects.values("user_id")).exists()


def test_two_openers_make_one_hand_off_each(work):
    for _ in range(20):
        work.qualification()
    answers = together(open_handoffs, open_handoffs, open_handoffs)
    open_handoffs()
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert Handoff.objects.count() == 20
    assert HandoffEvent.objects.filter(verb="open").count() == 20


def test_a_rep_is_never_over_the_cap_however_many_route(work, cast):
    Rep.objects.update(open_cap=7)
    for _ in range(20):
        work.qualification()
    open_handoffs()
    together(route_waiting, route_waiting, route_waiting, route_waiting)
    assert Handoff.objects.filter(owner=cast.rep).count() == 7


def test_a_packet_is_not_rebuilt_while_its_hand_off_is_offered(work):
    handoff = work.queued()
    later = clock.now() + timedelta(hours=1)
    Packet.objects.filter(handoff=handoff).update(built_at=clock.now() - timedelta(days=1))
    offered, rebuilt = holding(lambda: offer([handoff.pk]), lambda: packet.refresh_stale(at=later))
    assert (offered, rebuilt) == (1, 0)
    kept = Packet.objects.get(handoff=handoff)
    assert kept.frozen_at is not None
    assert kept.built_at < later


def test_a_packet_being_rebuilt_is_offered_whole(work):
    handoff = work.queued()
    at = clock.now()
    Packet.objects.filter(handoff=handoff).update(built_at=at - timedelta(days=1))
    rebuilt, offered = holding(lambda: packet.refresh_stale(at=at), lambda: offer([handoff.pk]))
    assert rebuilt == 1
    assert offered == 0
    assert route_waiting() == 1
    assert Packet.objects.get(handoff=handoff).built_at == at


@pytest.mark.faults
def test_accepting_at_the_moment_of_breach_is_one_verdict_by_time_two_hundred_times(work, cast):
    """Each breach is due while its answer is on its way: some answers hold the clock first, others find it swept.

    Every tenth offer is taken away instead, so that three kinds of locks are taken in the same moment.
    """
    times, hands = 200, 8
    handoffs = [work.queued() for _ in range(times)]
    assert route_waiting(limit=times) == times
    work.rep(cast.other_rep, open_cap=500)
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        deadlocks = cursor.fetchone()
    over, answered = threading.Event(), []

    def fire():
        while not over.is_set():
            sweep_batch(clock.now())

    def answer(number):
        errors = []
        for place in range(number, times, hands):
            due = clock.now() + timedelta(milliseconds=2 ** (place % 9))  # an answer takes some time in the middle of these
            plan = [[to_us(due), "breach"], [to_us(due) + 10**12, "reassign"]]
            SlaTimer.objects.filter(handoff=handoffs[place], kind=ClockKind.ACCEPT).update(
                due_at=due, plan=plan, next_fire_at=due
            )
            try:
                if place % 10 == 9:
                    reassign(handoffs[place].pk, actor=cast.manager, to=cast.other_rep)
                else:
                    accept_handoff(handoffs[place].pk, actor=cast.rep)
            except Exception as error:
                errors.append(error)
        answered.append(number)
        if len(answered) == hands:
            over.set()
        return errors

    answers = together(*[lambda number=number: answer(number) for number in range(hands)], fire, fire)
    assert answers == [*[[]] * hands, None, None]
    sweep_batch(clock.now())
    outcomes = Counter()
    for handoff in handoffs:
        timer = handoff.timers.filter(kind=ClockKind.ACCEPT).order_by("pk")[0]
        breaches = list(SlaEvent.objects.filter(timer_id=timer.pk, step="breach").values_list("outcome", "fired_at", "due_at"))
        ended = timer.met_at or SlaEvent.objects.get(timer_id=timer.pk, step="cancel").fired_at
        if ended <= timer.due_at:
            assert breaches == []
            outcomes["in time"] += 1
            continue
        ((outcome, at, due),) = breaches
        assert due == timer.due_at < at <= ended or due == timer.due_at == at <= ended
        assert (at == ended) if outcome == "recorded" else (outcome == "fired")
        told = Outbox.objects.filter(timer_id=timer.pk, kind="handoff.step")
        assert told.exists() is (outcome == "fired")
        outcomes[outcome] += 1
    assert set(outcomes) == {"in time", "fired", "recorded"}, outcomes
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        assert cursor.fetchone() == deadlocks
