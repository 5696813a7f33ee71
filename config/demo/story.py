"""The year itself. A year ago Harborline began with Accord and brought the history of its old system along, outcomes included;
since then people come in, are judged, handed over, answered, won or lost, each by the portal's own verbs at its time."""

import gc
import heapq
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from random import Random

from django.db import connection
from django.db.models import F
from django.db.models.functions import Coalesce

from config.demo import cast, catalogue
from config.demo.crowd import Crowd, Prospect
from config.demo.model import activate_first_model, open_next_draft, plan_review, replace_model
from handoff import sweep
from handoff.actions.answering import accept_handoff, reject_handoff
from handoff.actions.assigning import reassign
from handoff.actions.opening import open_handoffs
from handoff.actions.reviewing import review_rejection, settle_dispute
from handoff.actions.seen import mark_seen
from handoff.actions.working import close_lost, close_won, convert, log_attempt, recycle_handoff
from handoff.businesstime import Calendar, add, between
from handoff.defaults import install_defaults
from handoff.models import Attempt, Handoff, Leave, RejectionReview
from handoff.routing import route_waiting
from handoff.states import HandoffState
from leads import clock
from leads.intake.batch import take_in, take_in_activities
from leads.intake.incoming import MOST_AT_ONCE, AboutLead, IncomingActivity, IncomingOutcome, Who
from leads.models import Outbox, User
from leads.notify.outbox import deliver
from scoring.rescoring import score_dirty

DAY = timedelta(days=1)
LIVE = timedelta(weeks=52)
# How far the history of the old system goes back.
HISTORY = 520 * DAY
# What Ben was offered so many working hours ago is still open: one promise has run out, one is about to.
KEPT_FOR_BEN = (5.4, 3.68)
# How many of the show's best visitors come in before each of them.
BEST = 5
# How much of the work the cast, the history and the first scores are.
SETTING = 0.15
# The weeks longer ago are told in larger steps, and without who opened which packet.
LATELY = 30 * DAY
OFFICE = Calendar.of("Europe/Berlin", {day: [[540, 1020]] for day in range(5)}, {})
FIRST_CALL_WORDS = (
    "Reached the assistant, call again",
    "Short call, wants figures",
    "Left a message",
    "Nice talk, open to a demo",
    "",
)
LOST_REASONS = ("price", "competitor_won", "no_need")


class Story:
    """Tells the year up to `now`; the same seed, size and day give the same rows."""

    def __init__(self, *, leads: int, seed: int, now: datetime) -> None:
        self.rng = Random(seed)  # noqa: S311 - invented data, no secret
        self.now = now
        self.start = (now - HISTORY).replace(hour=6, minute=0, second=0, microsecond=0)
        self.live_from = (now - LIVE).replace(hour=6, minute=0, second=0, microsecond=0)
        self.size = leads
        self._steps: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self.people: dict[str, User] = {}
        self.by_email: dict[str, Prospect] = {}
        self._answered: set[tuple[int, datetime | None]] = set()
        self._kept: set[int] = set()
        self._disputes = 0
        self._deliveries: list[datetime] = []

    def tell(self, say: Callable[[float, str], None]) -> None:
        """Write the whole year; `say` hears how much of it is told, from 0 to 1, and up to when, each time that has moved on."""
        with _light_work():
            self._tell(say)

    def _tell(self, say: Callable[[float, str], None]) -> None:
        say(0, "The people and what they agreed on")
        with clock.frozen(self.live_from):
            self.people = cast.create_cast(self.start.date())
            install_defaults(zone="Europe/Berlin")
            catalogue.create_catalogue(self.now.date())
        self.crowd = Crowd(self.rng, size=self.size, start=self.start, now=self.now)
        prospects = self.crowd.people()
        self._bring_some_for_ben(prospects)
        self.by_email = {one.contact.email: one for one in prospects}
        say(SETTING / 2, "What the old system knew")
        with clock.frozen(self.live_from):
            self._bring_history([one for one in prospects if one.arrives < self.live_from])
            activate_first_model(self.people)
            while score_dirty():
                pass
        self._plan_intake(prospects)
        self._plan_people()
        told = ""
        while self._steps and self._steps[0][0] <= self.now:
            at, _, step = heapq.heappop(self._steps)
            self._let_clocks_run(at)
            with clock.frozen(at):
                step()
            week = at.strftime("%G %V")
            if week != told:
                told = week
                say(SETTING + (1 - SETTING) * self._share(at), at.strftime("%B %Y"))
        self._let_clocks_run(self.now)
        with clock.frozen(self.now):
            self._settle_messages()
            open_next_draft(self.people)
            plan_review(self.people)

    def _share(self, at: datetime) -> float:
        """How much of the work of a year lies before `at`: by deliveries, which come oftener the nearer to now."""
        return bisect_left(self._deliveries, at) / len(self._deliveries)

    # The history of the old system

    def _bring_history(self, prospects: list[Prospect]) -> None:
        """Who came in before, with what they did until now and what became of them, as one import would bring it."""
        items = []
        for one in prospects:
            incoming = self.crowd.incoming(one, self.live_from)
            items.append(replace(incoming, outcome=self._old_outcome(one)))
        for first in range(0, len(items), MOST_AT_ONCE):
            take_in(items[first : first + MOST_AT_ONCE], actor=None, channel="import")

    def _old_outcome(self, one: Prospect) -> IncomingOutcome | None:
        """What the old system says became of somebody; None for those nobody ever called."""
        at = one.arrives + self.rng.uniform(2, 12) * DAY
        called = one.heat + 0.4 * one.contact.quality + self.rng.uniform(-0.15, 0.15) > 0.62
        if not called or at >= self.live_from:
            return None
        objection = self.crowd.objection(one)
        if objection:
            return IncomingOutcome("rejected", at=at, reason=objection[0])
        appetite = self.crowd.appetite(one)
        at += self.rng.uniform(18, 85) * DAY
        if at >= self.live_from:
            return None
        if self.rng.random() < appetite * 0.62:
            return IncomingOutcome("won", at=at, amount=self.crowd.amount(one.contact.firm.employees))
        return IncomingOutcome("lost", at=at, reason=self.rng.choice(LOST_REASONS))

    def _plan_intake(self, prospects: list[Prospect]) -> None:
        """Three deliveries a week for the distant past, three a day lately: what happened since the last one comes in."""
        self._deliveries = ticks = self._ticks()
        arrivals: dict[datetime, list[Prospect]] = {tick: [] for tick in ticks}
        doings: dict[datetime, list[tuple[Prospect, datetime, str, str]]] = {tick: [] for tick in ticks}
        for one in prospects:
            arrival = _first_tick(ticks, one.arrives)
            if arrival is None:
                continue
            if one.arrives < self.live_from:
                arrival = self.live_from
            else:
                arrivals[arrival].append(one)
            for at, kind, asset in one.doings:
                tick = _first_tick(ticks, at)
                if tick is not None and tick > arrival and at > self.live_from:
                    doings[tick].append((one, at, kind, asset))
        for tick in ticks:
            if arrivals[tick] or doings[tick]:
                self._plan(tick, partial(self._intake, tick, arrivals[tick], doings[tick]))

    def _ticks(self) -> list[datetime]:
        """When what happened is delivered: once a week at first, oftener the nearer to now, on weekends only in the last days."""
        ticks = []
        day = self.live_from.replace(hour=0)
        while day <= self.now:
            age, weekday = self.now - day, day.weekday()
            if age < 4 * DAY:
                hours = [self.rng.uniform(6.5, 8.5), self.rng.uniform(9.5, 11), self.rng.uniform(12, 14.5)]
            elif age < 10 * DAY:
                hours = [self.rng.uniform(7, 9), self.rng.uniform(11, 14)] if weekday < 5 else []
            elif age < LATELY:
                hours = [self.rng.uniform(7, 13)] if weekday < 5 else []
            else:
                days = (0, 3) if age < 3 * LATELY else (day.isocalendar().week % 5,)
                hours = [self.rng.uniform(7, 13)] if weekday in days else []
            ticks += [day + timedelta(hours=hour) for hour in hours]
            day += DAY
        kept = [_working_hours_ago(self.now, hours) - timedelta(minutes=1) for hours in KEPT_FOR_BEN]
        ticks = sorted([*(tick for tick in ticks if tick < self.now), *kept])
        return [*ticks, self.now - timedelta(minutes=4)]

    def _intake(
        self,
        tick: datetime,
        arrivals: list[Prospect],
        doings: list[tuple[Prospect, datetime, str, str]],
    ) -> None:
        items = [self.crowd.incoming(one, tick) for one in arrivals]
        if items:
            take_in(items, actor=None, channel="api")
        later = [
            AboutLead(
                who=Who(email=one.contact.email),
                activity=IncomingActivity(kind=kind, occurred_at=at, asset=asset),
                raw={"kind": kind},
            )
            for one, at, kind, asset in doings
        ]
        if later:
            take_in_activities(later, actor=None, channel="api")
        score_dirty()
        open_handoffs()
        route_waiting()
        self._plan_answers(tick)

    def _bring_some_for_ben(self, prospects: list[Prospect]) -> None:
        """The most promising visitors of the show that has just been came by shortly before each offer Ben is to leave waiting."""
        fresh = [one for one in prospects if one.arrives > self.now - 5 * DAY and not one.contact.firm.is_competitor]
        fresh.sort(key=lambda one: (-len({kind for _, kind, _ in one.doings}) * one.contact.quality, one.contact.email))
        moments = [_working_hours_ago(self.now, hours) for hours in KEPT_FOR_BEN]
        for place, one in enumerate(fresh[: BEST * len(moments)]):
            one.arrives = moments[place % len(moments)] - timedelta(minutes=100)
            pause = timedelta(minutes=90) / len(one.doings)
            one.doings = [(one.arrives + pause * n, kind, asset) for n, (_, kind, asset) in enumerate(one.doings)]

    def _keep_one_for_ben(self) -> None:
        """One of the offers just made to Ben is left waiting; were they all to others, Mona gives him one of theirs."""
        ben, now = self.people["ben"], clock.now()
        offered = (
            Handoff.objects.filter(state=HandoffState.OFFERED).exclude(pk__in=self._kept).order_by("-is_mqo", "-score", "pk")
        )
        one = offered.filter(owner=ben, offered_at__gte=now - timedelta(minutes=2)).first()
        if one is None:
            one = offered.exclude(owner=ben).order_by("-offered_at", "pk").first()
            if one is None:
                return
            reassign(one, actor=self.people["mona"], to=ben, reason="Ben has been talking to them")
        self._kept.add(one.pk)

    # People answering

    def _plan(self, at: datetime, step: Callable[[], None]) -> None:
        heapq.heappush(self._steps, (at, next(self._order), step))

    def _plan_answers(self, tick: datetime) -> None:
        """Each rep answers what they were just offered, most in time, some late; the newest offers are still open."""
        offered = Handoff.objects.filter(state=HandoffState.OFFERED)
        prompt = cast.promptness()
        for handoff in offered.select_related("owner", "lead").order_by("pk"):
            offer = (handoff.pk, handoff.offered_at)  # what one rep let pass is offered to another
            if offer in self._answered:
                continue
            self._answered.add(offer)
            owner = handoff.owner
            if owner is None or self._stays_open(owner, handoff.offered_at or tick):
                continue
            in_time = self.rng.random() < prompt.get(owner.email, 0.9)
            hours = self.rng.uniform(0.15, 3.4) if in_time else self.rng.uniform(4.3, 9.5)
            at = _working_hours_later(handoff.offered_at or tick, hours)
            if self.now - at < 2 * LATELY:
                self._plan(at - timedelta(minutes=self.rng.uniform(2, 9)), partial(self._look, handoff.pk))
            self._plan(at, partial(self._answer, handoff.pk))

    def _stays_open(self, owner: User, offered_at: datetime) -> bool:
        """Some of the last working day's offers are still waiting, a few of them past their time; Ben's past theirs are kept apart."""
        waited = between(OFFICE, offered_at, self.now)
        limit = timedelta(hours=3.2 if owner == self.people["ben"] else 7.5)
        return self.now - offered_at < 4 * DAY and waited < limit and self.rng.random() < 0.7

    def _look(self, pk: int) -> None:
        handoff = Handoff.objects.select_related("owner").get(pk=pk)
        if handoff.state == HandoffState.OFFERED and handoff.owner is not None and pk not in self._kept:
            mark_seen(handoff, actor=handoff.owner)

    def _answer(self, pk: int) -> None:
        handoff = Handoff.objects.select_related("owner", "lead__company").get(pk=pk)
        if handoff.state != HandoffState.OFFERED or handoff.owner is None or pk in self._kept:
            return
        one = self.by_email[handoff.lead.email]
        reason = self.crowd.objection(one)
        if reason:
            code, note = reason
            reject_handoff(handoff, actor=handoff.owner, reason=code, note=note)
            return
        accept_handoff(handoff, actor=handoff.owner)
        self._plan_work(handoff, one)

    def _plan_work(self, handoff: Handoff, one: Prospect) -> None:
        """After accepting: calls until reached, then perhaps an opportunity, then won or lost weeks later."""
        at = _working_hours_later(clock.now(), self.rng.uniform(1.0, 7.6))
        tries = self.rng.choice([1, 1, 1, 2, 2, 4])
        for number in range(tries):
            reached = number == tries - 1 and self.rng.random() < 0.85
            self._plan(at, partial(self._try, handoff.pk, reached=reached))
            at = _working_hours_later(at + DAY, self.rng.uniform(0.5, 9))
        appetite = self.crowd.appetite(one)
        if self.rng.random() > appetite + 0.1:
            self._plan(at + 6 * DAY, partial(self._give_up, handoff.pk))
            return
        self._plan(at + self.rng.uniform(1, 9) * DAY, partial(self._convert, handoff.pk))
        close = at + self.rng.uniform(10, 60) * DAY
        won = self.rng.random() < appetite * 0.62
        self._plan(close, partial(self._close, handoff.pk, won=won))

    def _owned(self, pk: int, *states: HandoffState) -> Handoff | None:
        handoff = Handoff.objects.select_related("owner", "lead__company").get(pk=pk)
        return handoff if handoff.state in states and handoff.owner is not None else None

    def _try(self, pk: int, *, reached: bool) -> None:
        handoff = self._owned(pk, HandoffState.ACCEPTED, HandoffState.CONTACTED)
        if handoff and handoff.owner:
            channel = self.rng.choice([Attempt.Channel.CALL, Attempt.Channel.CALL, Attempt.Channel.MAIL])
            missed = self.rng.choice([Attempt.Result.NO_ANSWER, Attempt.Result.LEFT_MESSAGE])
            result = Attempt.Result.REACHED if reached else missed
            log_attempt(
                handoff,
                actor=handoff.owner,
                channel=channel,
                result=result,
                note=self.rng.choice(FIRST_CALL_WORDS) if reached else "",
            )

    def _give_up(self, pk: int) -> None:
        handoff = self._owned(pk, HandoffState.ACCEPTED, HandoffState.CONTACTED)
        if handoff and handoff.owner:
            returns = (clock.now() + self.rng.uniform(30, 120) * DAY).date()
            recycle_handoff(handoff, actor=handoff.owner, note="No project this year, keep in touch", return_on=returns)
            self._plan_return(handoff, returns.toordinal())

    def _convert(self, pk: int) -> None:
        handoff = self._owned(pk, HandoffState.ACCEPTED, HandoffState.CONTACTED)
        if handoff and handoff.owner:
            convert(handoff, actor=handoff.owner, amount=self.crowd.amount(_employees(handoff)))

    def _close(self, pk: int, *, won: bool) -> None:
        handoff = self._owned(pk, HandoffState.CONVERTED, HandoffState.CONTACTED, HandoffState.ACCEPTED)
        if not handoff or not handoff.owner:
            return
        if won:
            close_won(handoff, actor=handoff.owner, amount=handoff.amount or self.crowd.amount(_employees(handoff)))
        else:
            close_lost(handoff, actor=handoff.owner, reason=self.rng.choice(LOST_REASONS))

    def _plan_return(self, handoff: Handoff, day: int) -> None:
        """Some recycled people come back by themselves and qualify a second time."""
        one = self.by_email[handoff.lead.email]
        if self.rng.random() > 0.55:
            return
        at = datetime.fromordinal(day).replace(tzinfo=UTC) + timedelta(days=self.rng.uniform(-8, 20), hours=10)
        kinds = ("pricing_view", "demo_request", "webinar_attended", "pricing_view")

        def come_back() -> None:
            doings = [(one, clock.now() - timedelta(minutes=30 * n + 1), kind, "") for n, kind in enumerate(kinds)]
            self._intake(clock.now(), [], doings)

        self._plan(_at_work(at), come_back)

    # Marketing's week, and holidays

    def _plan_people(self) -> None:
        """Marketing reviews rejections on Thursdays, except the last two weeks'; Dev is away for some days; the model changes once."""
        day = self.live_from + 10 * DAY
        while day < self.now - 9 * DAY:
            if day.weekday() == 3:
                self._plan(day.replace(hour=13, minute=20), self._review)
            day += DAY
        dev = self.people["dev"].rep
        away = (self.now - 40 * DAY).replace(hour=0, minute=0)
        Leave.objects.create(rep=dev, starts_at=away, ends_at=away + 10 * DAY, reason="Holiday")
        soon = (self.now + 9 * DAY).replace(hour=0, minute=0)
        Leave.objects.create(rep=self.people["tom"].rep, starts_at=soon, ends_at=soon + 5 * DAY, reason="Holiday")
        self._plan(_at_work(self.live_from + 110 * DAY), partial(replace_model, self.people))
        for hours in KEPT_FOR_BEN:
            self._plan(_working_hours_ago(self.now, hours), self._keep_one_for_ben)

    def _review(self) -> None:
        maya = self.people["maya"]
        waiting = Handoff.objects.filter(state=HandoffState.REJECTED, review=None, undo_until__lt=clock.now())
        for handoff in waiting.select_related("reason", "lead__company").order_by("answered_at", "pk")[:30]:
            code = handoff.reason.code if handoff.reason else ""
            if self.rng.random() < 0.12:
                continue
            if code == "bad_timing":
                returns = (clock.now() + self.rng.uniform(30, 100) * DAY).date()
                review_rejection(
                    handoff,
                    actor=maya,
                    verdict=RejectionReview.Verdict.RECYCLE,
                    note="Back when their budget is made",
                    return_on=returns,
                )
                self._plan_return(handoff, returns.toordinal())
            elif doubt := self._doubt(handoff, code):
                review_rejection(handoff, actor=maya, verdict=RejectionReview.Verdict.DISPUTE, note=doubt)
                self._disputes += 1
                if not self._is_last_review():
                    self._plan(clock.now() + 5 * DAY, partial(self._settle, handoff.pk, stands=self._disputes % 2 == 1))
            else:
                review_rejection(handoff, actor=maya, verdict=RejectionReview.Verdict.AGREE)

    def _doubt(self, handoff: Handoff, code: str) -> str:
        """Marketing disputes a few: firms that are not so small, people who have a say after all."""
        employees = _employees(handoff) or 0
        if self.rng.random() > (1.0 if self._is_last_review() else 0.3):
            return ""
        if code == "too_small" and employees >= 50:
            return f"{employees} people: that is what we agreed on, please look again"
        if code == "wrong_person" and "Manager" in handoff.lead.job_title:
            return f"{handoff.lead.job_title}: advises on the purchase, please look again"
        return ""

    def _is_last_review(self) -> bool:
        """What is disputed in the last review before today is still open today."""
        return self.now - clock.now() < 16 * DAY

    def _settle(self, pk: int, *, stands: bool) -> None:
        words = (
            "Talked it over: it stands, we look at the criterion" if stands else "Talked it over: somebody else gives it a try"
        )
        settle_dispute(pk, actor=self.people["maya"], stands=stands, note=words)

    # Clocks and messages

    def _let_clocks_run(self, until: datetime) -> None:
        """Fire each clock's steps at their own time, as the worker would have."""
        while (due := sweep.next_due()) is not None and due < until:
            at = due + timedelta(milliseconds=300)
            with clock.frozen(at):
                if not sweep.sweep(at):
                    break
                while deliver_work(at):
                    pass

    def _settle_messages(self) -> None:
        """What was to be sent by now counts as sent and, but for the last days, as seen; the rest waits for its hour."""
        old = Outbox.objects.filter(next_attempt_at__lte=self.now).exclude(channel=Outbox.Channel.WORK)
        old.update(state=Outbox.State.SENT, sent_at=Coalesce(F("due_at"), F("created_at")), next_attempt_at=None, lease=None)
        seen = Outbox.objects.filter(channel=Outbox.Channel.INAPP, seen_at=None, created_at__lt=self.now - 3 * DAY)
        seen.update(seen_at=F("created_at") + timedelta(minutes=25))


@contextmanager
def _light_work() -> Iterator[None]:
    """Thousands of small commits return before the disk has them (a year that breaks off is begun anew anyway), and the code
    that is loaded is not looked through for garbage again and again."""
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit TO off")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET synchronous_commit")
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def deliver_work(at: datetime) -> int:
    """Do the work the clocks asked for; mails of the past are never sent."""
    if not Outbox.objects.filter(lane="work", next_attempt_at__lte=at).exists():
        return 0
    mails = Outbox.objects.filter(channel=Outbox.Channel.MAIL, next_attempt_at__lte=at)
    mails.update(state=Outbox.State.SENT, sent_at=F("due_at"), next_attempt_at=None, lease=None)
    return deliver(at)


def _employees(handoff: Handoff) -> int | None:
    return handoff.lead.company.employees if handoff.lead.company else None


def _first_tick(ticks: list[datetime], at: datetime) -> datetime | None:
    place = bisect_left(ticks, at)
    return ticks[place] if place < len(ticks) else None


def _at_work(at: datetime) -> datetime:
    """The same day at half past nine, or the Monday after a weekend."""
    at = at.replace(hour=8, minute=30, second=0, microsecond=0)
    return at + timedelta(days=max(0, 7 - at.weekday()) if at.weekday() > 4 else 0)


def _working_hours_later(start: datetime, hours: float) -> datetime:
    """About `hours` of working time after `start`, on the team's calendar of 9 to 17 in Berlin."""
    return add(OFFICE, start, timedelta(hours=hours))


def _working_hours_ago(now: datetime, hours: float) -> datetime:
    """The latest instant, to the second, that lies `hours` of working time before `now`."""
    earliest, latest = now - 14 * DAY, now
    while latest - earliest > timedelta(seconds=1):
        middle = earliest + (latest - earliest) / 2
        if between(OFFICE, middle, now) >= timedelta(hours=hours):
            earliest = middle
        else:
            latest = middle
    return earliest.replace(microsecond=0)
