"""The year itself. Ten weeks ago Harborline began with Accord and brought the history of its old system along, outcomes included;
since then people come in, are judged, handed over, answered, won or lost, each by the portal's own verbs at its time."""

import heapq
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from random import Random

from django.db.models import F
from django.db.models.functions import Coalesce

from config.demo import cast, catalogue, world
from config.demo.model import activate_first_model, open_next_draft, replace_model
from handoff import sweep
from handoff.actions.answering import accept_handoff, reject_handoff
from handoff.actions.opening import open_handoffs
from handoff.actions.reviewing import review_rejection
from handoff.actions.seen import mark_seen
from handoff.actions.working import close_lost, close_won, convert, log_attempt, recycle_handoff
from handoff.businesstime import Calendar, add
from handoff.defaults import install_defaults
from handoff.models import Attempt, Handoff, Leave, RejectionReview
from handoff.routing import route_waiting
from handoff.states import HandoffState
from leads import clock
from leads.intake.batch import take_in, take_in_activities
from leads.intake.incoming import MOST_AT_ONCE, AboutLead, Incoming, IncomingActivity, IncomingOutcome, Who
from leads.models import Campaign, Outbox, User
from leads.notify.outbox import deliver
from scoring.rescoring import score_dirty

DAY = timedelta(days=1)
LIVE = timedelta(weeks=10)
OFFICE = Calendar.of("Europe/Berlin", {day: [[540, 1020]] for day in range(5)}, {})
# How many come in a week, by month: quiet in summer and around New Year, busy in spring and autumn.
SEASON = (0.7, 1.0, 1.25, 1.15, 1.05, 0.85, 0.6, 0.6, 1.2, 1.3, 1.2, 0.55)
FIRST_CALL_WORDS = (
    "Reached the assistant, call again",
    "Short call, wants figures",
    "Left a message",
    "Nice talk, open to a demo",
    "",
)
LOST_REASONS = ("price", "competitor_won", "no_need")


@dataclass(slots=True)
class Prospect:
    """One invented person on the way through the year."""

    contact: world.Contact
    source: catalogue.Source
    arrives: datetime
    doings: list[tuple[datetime, str, str]]
    heat: float


class Story:
    """Tells the year up to `now`; the same seed, size and day give the same rows."""

    def __init__(self, *, leads: int, seed: int, now: datetime) -> None:
        self.rng = Random(seed)  # noqa: S311 - invented data, no secret
        self.now = now
        self.start = (now - 364 * DAY).replace(hour=6, minute=0, second=0, microsecond=0)
        self.live_from = (now - LIVE).replace(hour=6, minute=0, second=0, microsecond=0)
        self.size = leads
        self._steps: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self.people: dict[str, User] = {}
        self.by_email: dict[str, Prospect] = {}
        self._answered: set[int] = set()

    def tell(self, say: Callable[[str], None]) -> None:
        """Write the whole year; `say` hears about the progress."""
        with clock.frozen(self.live_from):
            self.people = cast.create_cast(self.start.date())
            install_defaults(zone="Europe/Berlin")
            catalogue.create_catalogue(self.now.date())
        prospects = self._prospects()
        self.by_email = {one.contact.email: one for one in prospects}
        with clock.frozen(self.live_from):
            self._bring_history([one for one in prospects if one.arrives < self.live_from])
            activate_first_model(self.people)
            while score_dirty():
                pass
        self._plan_intake(prospects)
        self._plan_people()
        months = set()
        while self._steps and self._steps[0][0] <= self.now:
            at, _, step = heapq.heappop(self._steps)
            self._let_clocks_run(at)
            with clock.frozen(at):
                step()
            if at.strftime("%B %Y") not in months:
                months.add(at.strftime("%B %Y"))
                say(at.strftime("%B %Y"))
        self._let_clocks_run(self.now)
        with clock.frozen(self.now):
            self._settle_messages()
            open_next_draft(self.people)

    # People coming in

    def _prospects(self) -> list[Prospect]:
        firms = world.make_firms(self.rng, max(40, int(self.size * 0.62)))
        taken: set[str] = set()
        campaigns = {campaign.name: campaign for campaign in Campaign.objects.all()}
        prospects = []
        surge = self.size // 16
        for number in range(self.size):
            source = self.rng.choices(catalogue.SOURCES, weights=[one.share for one in catalogue.SOURCES])[0]
            if number < surge:  # the show has just been
                source = next(one for one in catalogue.SOURCES if one.key == "Trade show")
            contact = self._contact(firms, source, taken)
            prospects.append(self._prospect(contact, source, campaigns.get(source.campaign), fresh=number < surge))
        prospects.sort(key=lambda one: one.arrives)
        return prospects

    def _contact(self, firms: list[world.Firm], source: catalogue.Source, taken: set[str]) -> world.Contact:
        """Good sources send better people: of a few candidates they tend to send the best, bad ones the worst."""
        candidates = [world.make_contact(self.rng, self.rng.choice(firms), taken) for _ in range(2)]
        candidates.sort(key=lambda one: one.quality)
        for unused in candidates:
            taken.discard(unused.email)
        roll = self.rng.random()
        if source.quality > 0:
            chosen = candidates[1] if roll < 0.35 + 0.6 * source.quality else self.rng.choice(candidates)
        else:
            chosen = candidates[0] if roll < 0.35 - 0.8 * source.quality else self.rng.choice(candidates)
        taken.add(chosen.email)
        return chosen

    def _prospect(self, contact: world.Contact, source: catalogue.Source, campaign: Campaign | None, *, fresh: bool) -> Prospect:
        if fresh:
            arrives = self.now - timedelta(hours=self.rng.uniform(1, 110))
        elif campaign is not None and campaign.starts_on and campaign.ends_on and source.key == "Bought list":
            arrives = self._moment(campaign.starts_on.toordinal(), campaign.ends_on.toordinal())
        else:
            arrives = self._seasonal_moment()
        heat = min(1.0, max(0.02, 0.55 * contact.quality + 0.25 * source.quality + self.rng.uniform(0.0, 0.55)))
        return Prospect(contact, source, arrives, self._doings(arrives, source, heat), heat)

    def _seasonal_moment(self) -> datetime:
        while True:
            moment = self._moment(self.start.toordinal(), (self.now - timedelta(hours=2)).toordinal())
            if moment < self.now - timedelta(hours=2) and self.rng.random() < SEASON[moment.month - 1] / max(SEASON):
                return moment

    def _moment(self, first_day: int, last_day: int) -> datetime:
        day = datetime.fromordinal(self.rng.randint(first_day, last_day)).date()
        hour = min(22.9, max(0.2, self.rng.gauss(11.5, 3.2)))
        return datetime.combine(day, time(), UTC) + timedelta(hours=hour)

    def _doings(self, arrives: datetime, source: catalogue.Source, heat: float) -> list[tuple[datetime, str, str]]:
        """What somebody does: the first thing by which they came, then the more the warmer they are."""
        doings = [(arrives, source.first, {"whitepaper": "empty-miles", "ebook": "route-guide"}.get(source.first, ""))]
        repertoire = (
            ("page_view", "", 0.9),
            ("product_view", "", 0.7),
            ("email_open", "", 0.8),
            ("email_click", "", 0.45),
            ("ebook", "route-guide", 0.25),
            ("whitepaper", "empty-miles", 0.3),
            ("case_study", "yard-study", 0.25),
            ("webinar_attended", "yard-webinar", 0.3),
            ("pricing_view", "", 0.42),
            ("pricing_view", "", 0.3),
            ("roi_guide", "dispatch-roi", 0.22),
            ("security_view", "security", 0.14),
            ("demo_request", "", 0.22),
        )
        at = arrives
        for kind, asset, chance in repertoire:
            if self.rng.random() < chance * (0.2 + 1.1 * heat):
                at += timedelta(days=self.rng.expovariate(1 / 2.2) * (0.25 if kind == "page_view" else 1.0))
                doings.append((at, kind, asset))
        if heat < 0.15 and self.rng.random() < 0.35:
            doings.append((at + DAY, "unsubscribed", ""))
        return doings

    # The history of the old system

    def _bring_history(self, prospects: list[Prospect]) -> None:
        """Who came in before, with what they did until now and what became of them, as one import would bring it."""
        campaigns = dict(Campaign.objects.values_list("name", "pk"))
        items = []
        for one in prospects:
            incoming = self._incoming(one, self.live_from, campaigns)
            items.append(replace(incoming, outcome=self._old_outcome(one)))
        for first in range(0, len(items), MOST_AT_ONCE):
            take_in(items[first : first + MOST_AT_ONCE], actor=None, channel="import")

    def _old_outcome(self, one: Prospect) -> IncomingOutcome | None:
        """What the old system says became of somebody; None for those nobody ever called."""
        at = one.arrives + self.rng.uniform(2, 12) * DAY
        called = one.heat + 0.4 * one.contact.quality + self.rng.uniform(-0.15, 0.15) > 0.62
        if not called or at >= self.live_from:
            return None
        objection = self._objection(one)
        if objection:
            return IncomingOutcome("rejected", at=at, reason=objection[0])
        appetite = self._appetite(one)
        at += self.rng.uniform(18, 85) * DAY
        if at >= self.live_from:
            return None
        if self.rng.random() < appetite * 0.62:
            return IncomingOutcome("won", at=at, amount=self._amount(one.contact.firm.employees))
        return IncomingOutcome("lost", at=at, reason=self.rng.choice(LOST_REASONS))

    def _plan_intake(self, prospects: list[Prospect]) -> None:
        """Three deliveries a week for the distant past, three a day lately: what happened since the last one comes in."""
        campaigns = dict(Campaign.objects.values_list("name", "pk"))
        ticks = self._ticks()
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
                self._plan(tick, lambda tick=tick: self._intake(tick, arrivals[tick], doings[tick], campaigns))

    def _ticks(self) -> list[datetime]:
        ticks = []
        day = self.live_from
        while day <= self.now:
            hours = (7.4, 10.2, 13.6) if self.now - day < 30 * DAY else (8.1,)
            if (day.weekday() in (0, 2, 4) or self.now - day < 30 * DAY) and (day.weekday() < 5 or self.now - day < 4 * DAY):
                ticks += [day.replace(hour=0) + timedelta(hours=hour + self.rng.uniform(0, 0.6)) for hour in hours]
            day += DAY
        ticks = [tick for tick in ticks if tick < self.now]
        return [*ticks, self.now - timedelta(minutes=4)]

    def _intake(
        self,
        tick: datetime,
        arrivals: list[Prospect],
        doings: list[tuple[Prospect, datetime, str, str]],
        campaigns: dict[str, int],
    ) -> None:
        items = [self._incoming(one, tick, campaigns) for one in arrivals]
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

    def _incoming(self, one: Prospect, tick: datetime, campaigns: dict[str, int]) -> Incoming:
        firm, contact = one.contact.firm, one.contact
        values: dict[str, object] = {
            "lead.first_name": contact.first,
            "lead.last_name": contact.last,
            "lead.email": contact.email,
            "lead.phone": contact.phone,
            "lead.job_title": contact.title,
            "lead.country": firm.country,
            "company.name": firm.name,
            "company.domain": firm.domain,
            "company.industry": firm.industry,
            "company.employees": firm.employees,
            "company.country": firm.country,
            "lead.product_interest": "yard" if one.source.key in ("Trade show", "Webinar") else "dispatch",
        }
        if firm.is_competitor:
            values["company.is_competitor"] = True
        if firm.is_customer:
            values["company.is_customer"] = True
        if self.rng.random() < 0.45:
            values["custom.fleet_size"] = max(1, int(firm.employees * self.rng.uniform(0.05, 0.4)))
        if one.source.first in ("form_submit", "contact_request"):
            values["custom.buying_horizon"] = self.rng.choices(
                ["This quarter", "This year", "Just looking"], [one.heat, 0.4, 1 - one.heat]
            )[0]
        return Incoming(
            values=values,
            activities=[IncomingActivity(kind=kind, occurred_at=at, asset=asset) for at, kind, asset in one.doings if at <= tick],
            source=one.source.key,
            campaign_id=campaigns.get(one.source.campaign),
            occurred_at=one.arrives,
            raw={key.partition(".")[2]: value for key, value in values.items()},
        )

    # People answering

    def _plan(self, at: datetime, step: Callable[[], None]) -> None:
        heapq.heappush(self._steps, (at, next(self._order), step))

    def _plan_answers(self, tick: datetime) -> None:
        """Each rep answers what they were just offered, most in time, some late; the newest offers are still open."""
        offered = Handoff.objects.filter(state=HandoffState.OFFERED).exclude(pk__in=self._answered)
        prompt = cast.promptness()
        for handoff in offered.select_related("owner", "lead").order_by("pk"):
            self._answered.add(handoff.pk)
            owner = handoff.owner
            if owner is None:
                continue
            in_time = self.rng.random() < prompt.get(owner.email, 0.9)
            hours = self.rng.uniform(0.15, 3.4) if in_time else self.rng.uniform(4.5, 15)
            at = _working_hours_later(handoff.offered_at or tick, hours)
            self._plan(at - timedelta(minutes=self.rng.uniform(2, 9)), lambda pk=handoff.pk: self._look(pk))
            self._plan(at, lambda pk=handoff.pk: self._answer(pk))

    def _look(self, pk: int) -> None:
        handoff = Handoff.objects.select_related("owner").get(pk=pk)
        if handoff.state == HandoffState.OFFERED and handoff.owner is not None:
            mark_seen(handoff, actor=handoff.owner)

    def _answer(self, pk: int) -> None:
        handoff = Handoff.objects.select_related("owner", "lead__company").get(pk=pk)
        if handoff.state != HandoffState.OFFERED or handoff.owner is None:
            return
        one = self.by_email[handoff.lead.email]
        reason = self._objection(one)
        if reason:
            code, note = reason
            reject_handoff(handoff, actor=handoff.owner, reason=code, note=note)
            return
        accept_handoff(handoff, actor=handoff.owner)
        self._plan_work(handoff, one)

    def _objection(self, one: Prospect) -> tuple[str, str] | None:
        """Why a rep rejects somebody: causes that can be seen in the data, and a little bad luck."""
        firm, title = one.contact.firm, one.contact.title
        roll = self.rng.random()
        if firm.is_competitor:
            return "not_a_buyer", "Works for a competitor"
        if firm.employees < 30 and roll < 0.85:
            return "too_small", self.rng.choice(["", f"{firm.employees} people, two vans", "One-man show"])
        if world.TITLES[title][1] < 0.32 and roll < 0.7:
            return "wrong_person", self.rng.choice(
                ["", "No say in buying", "Doing a thesis" if title == "Student" else "Sent me to their boss"]
            )
        if world.INDUSTRIES[firm.industry][1] < 0.2 and roll < 0.75:
            return "wrong_industry", ""
        if firm.country not in world.SERVED and roll < 0.8:
            return "wrong_region", ""
        if firm.is_customer and roll < 0.7:
            return "known_already", "Has a contract since 2024"
        if not one.contact.phone and roll < 0.08:
            return "unreachable", "Mail bounces, no number"
        if roll > 0.97 - 0.12 * (1 - one.heat):
            return "bad_timing", self.rng.choice(["Call again next quarter", "Budget is spent for this year", ""])
        return None

    def _plan_work(self, handoff: Handoff, one: Prospect) -> None:
        """After accepting: calls until reached, then perhaps an opportunity, then won or lost weeks later."""
        at = _working_hours_later(clock.now(), self.rng.uniform(0.4, 7.0))
        tries = self.rng.choice([1, 1, 2, 2, 3, 5])
        for number in range(tries):
            reached = number == tries - 1 and self.rng.random() < 0.85
            self._plan(at, lambda pk=handoff.pk, reached=reached: self._try(pk, reached=reached))
            at = _working_hours_later(at + DAY, self.rng.uniform(0.5, 9))
        appetite = self._appetite(one)
        if self.rng.random() > appetite + 0.1:
            self._plan(at + 6 * DAY, lambda pk=handoff.pk: self._give_up(pk))
            return
        self._plan(at + self.rng.uniform(1, 9) * DAY, lambda pk=handoff.pk: self._convert(pk))
        close = at + self.rng.uniform(10, 60) * DAY
        won = self.rng.random() < appetite * 0.62
        self._plan(close, lambda pk=handoff.pk: self._close(pk, won=won))

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
            convert(handoff, actor=handoff.owner, amount=self._amount(_employees(handoff)))

    def _close(self, pk: int, *, won: bool) -> None:
        handoff = self._owned(pk, HandoffState.CONVERTED, HandoffState.CONTACTED, HandoffState.ACCEPTED)
        if not handoff or not handoff.owner:
            return
        if won:
            close_won(handoff, actor=handoff.owner, amount=handoff.amount or self._amount(_employees(handoff)))
        else:
            close_lost(handoff, actor=handoff.owner, reason=self.rng.choice(LOST_REASONS))

    def _amount(self, employees: int | None) -> Decimal:
        return Decimal(round(min(90_000, 2_400 + 38 * (employees or 60) ** 0.9 * self.rng.uniform(0.7, 1.4)), -2))

    @staticmethod
    def _appetite(one: Prospect) -> float:
        """How likely somebody who was reached goes on, 0 to 1."""
        return 0.25 + 0.75 * one.contact.quality * (0.5 + 0.5 * one.heat)

    def _plan_return(self, handoff: Handoff, day: int) -> None:
        """Some recycled people come back by themselves and qualify a second time."""
        one = self.by_email[handoff.lead.email]
        if self.rng.random() > 0.55:
            return
        at = datetime.fromordinal(day).replace(tzinfo=UTC) + timedelta(days=self.rng.uniform(-8, 20), hours=10)
        kinds = ("pricing_view", "demo_request", "webinar_attended", "pricing_view")

        def come_back() -> None:
            doings = [(one, clock.now() - timedelta(minutes=30 * n + 1), kind, "") for n, kind in enumerate(kinds)]
            self._intake(clock.now(), [], doings, {})

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
        half = _at_work(self.live_from + 38 * DAY)
        self._plan(half, lambda: replace_model(self.people))

    def _review(self) -> None:
        maya = self.people["maya"]
        waiting = Handoff.objects.filter(state=HandoffState.REJECTED, review=None, undo_until__lt=clock.now()).select_related(
            "reason", "lead"
        )
        for handoff in waiting.select_related("reason", "lead").order_by("answered_at")[:30]:
            code = handoff.reason.code if handoff.reason else ""
            roll = self.rng.random()
            if roll < 0.12:
                continue
            if code == "bad_timing":
                returns = (clock.now() + self.rng.uniform(30, 100) * DAY).date()
                review_rejection(
                    handoff,
                    actor=maya,
                    verdict=RejectionReview.Verdict.RECYCLE,
                    note="Back with the spring webinar",
                    return_on=returns,
                )
                self._plan_return(handoff, returns.toordinal())
            elif roll < 0.2 and code in ("wrong_person", "too_small"):
                review_rejection(
                    handoff,
                    actor=maya,
                    verdict=RejectionReview.Verdict.DISPUTE,
                    note="Meets what we agreed in May: please look again",
                )
            else:
                review_rejection(handoff, actor=maya, verdict=RejectionReview.Verdict.AGREE)

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
        """What was to be sent in the past counts as sent and, but for the last days, as seen."""
        old = Outbox.objects.filter(created_at__lte=self.now, next_attempt_at__isnull=False).exclude(channel=Outbox.Channel.WORK)
        old.update(state=Outbox.State.SENT, sent_at=Coalesce(F("due_at"), F("created_at")), next_attempt_at=None, lease=None)
        seen = Outbox.objects.filter(channel=Outbox.Channel.INAPP, seen_at=None, created_at__lt=self.now - 3 * DAY)
        seen.update(seen_at=F("created_at") + timedelta(minutes=25))


def deliver_work(at: datetime) -> int:
    """Do the work the clocks asked for; mails of the past are never sent."""
    if not Outbox.objects.filter(lane="work", next_attempt_at__lte=at).exists():
        return 0
    mails = Outbox.objects.filter(channel=Outbox.Channel.MAIL, next_attempt_at__isnull=False)
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
