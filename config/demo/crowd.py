"""The invented people: who they are, when and how they come, what they do, and why a rep would reject them."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from random import Random

from config.demo import catalogue, world
from leads.intake.incoming import Incoming, IncomingActivity
from leads.models import Campaign

DAY = timedelta(days=1)
# How many come in a week, by month: quiet in summer and around New Year, busy in spring and autumn.
SEASON = (0.7, 1.0, 1.25, 1.15, 1.05, 0.85, 0.6, 0.6, 1.2, 1.3, 1.2, 0.55)


@dataclass(slots=True)
class Prospect:
    """One invented person on the way through the year."""

    contact: world.Contact
    source: catalogue.Source
    arrives: datetime
    doings: list[tuple[datetime, str, str]]
    heat: float
    # What the form's question was answered with; "" where there was no form.
    horizon: str


class Crowd:
    """Makes people, what is sent of them, and what a rep thinks of them; all from one source of chance."""

    def __init__(self, rng: Random, *, size: int, start: datetime, now: datetime) -> None:
        self.rng = rng
        self.size = size
        self.start = start
        self.now = now
        self.campaigns = {campaign.channel: campaign for campaign in Campaign.objects.all()}

    def people(self) -> list[Prospect]:
        """Everybody of the year, in the order of coming in; the last ones come from the show that has just been."""
        firms = world.make_firms(self.rng, max(40, int(self.size * 0.62)))
        taken: set[str] = set()
        prospects = []
        surge = max(24, self.size // 17)
        for number in range(self.size):
            source = self.rng.choices(catalogue.SOURCES, weights=[one.share for one in catalogue.SOURCES])[0]
            if number < surge:  # the show has just been
                source = next(one for one in catalogue.SOURCES if one.key == "Trade show")
            contact = self._contact(firms, source, taken)
            prospects.append(self._prospect(contact, source, self.campaigns.get(source.channel), fresh=number < surge))
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
            arrives = self.now - timedelta(hours=self.rng.triangular(1, 110, 12))
        elif campaign is not None and campaign.starts_on and campaign.ends_on and source.key == "Bought list":
            arrives = self._moment(campaign.starts_on.toordinal(), campaign.ends_on.toordinal())
        elif source.key == "Trade show":
            stop = self.now.toordinal() - self.rng.choice(catalogue.STOPS[:-1])
            arrives = self._moment(stop, stop + 2)
        else:
            arrives = self._seasonal_moment()
        heat = min(1.0, max(0.02, 0.55 * contact.quality + 0.25 * source.quality + self.rng.uniform(0.0, 0.55)))
        horizon = ""
        if source.first in ("form_submit", "contact_request"):
            horizon = self.rng.choices(["This quarter", "This year", "Just looking"], [heat, 0.4, 1 - heat])[0]
        doings = self._doings(arrives, source, heat, pace=0.12 if fresh else 1.0)
        return Prospect(contact, source, arrives, doings, heat, horizon)

    def _seasonal_moment(self) -> datetime:
        while True:
            moment = self._moment(self.start.toordinal(), (self.now - timedelta(hours=2)).toordinal())
            if moment < self.now - timedelta(hours=2) and self.rng.random() < SEASON[moment.month - 1] / max(SEASON):
                return moment

    def _moment(self, first_day: int, last_day: int) -> datetime:
        day = datetime.fromordinal(self.rng.randint(first_day, last_day)).date()
        hour = min(22.9, max(0.2, self.rng.gauss(11.5, 3.2)))
        return datetime.combine(day, time(), UTC) + timedelta(hours=hour)

    def _doings(
        self, arrives: datetime, source: catalogue.Source, heat: float, *, pace: float
    ) -> list[tuple[datetime, str, str]]:
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
                at += timedelta(days=pace * self.rng.expovariate(1 / 2.2) * (0.25 if kind == "page_view" else 1.0))
                doings.append((at, kind, asset))
        if heat < 0.15 and self.rng.random() < 0.35:
            doings.append((at + DAY, "unsubscribed", ""))
        return doings

    def incoming(self, one: Prospect, until: datetime) -> Incoming:
        """What is sent of somebody, with what they did `until` then."""
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
        if one.horizon:
            values["custom.buying_horizon"] = one.horizon
        return Incoming(
            values=values,
            activities=[
                IncomingActivity(kind=kind, occurred_at=at, asset=asset) for at, kind, asset in one.doings if at <= until
            ],
            source=one.source.key,
            campaign_id=self._campaign_id(one),
            occurred_at=one.arrives,
            raw={key.partition(".")[2]: value for key, value in values.items()},
        )

    def _campaign_id(self, one: Prospect) -> int | None:
        campaign = self.campaigns.get(one.source.channel)
        if campaign is None or (campaign.starts_on and one.arrives.date() < campaign.starts_on):
            return None
        return campaign.pk

    def objection(self, one: Prospect) -> tuple[str, str] | None:
        """Why a rep rejects somebody, each reason with a cause that can be seen in the data; None if they take the lead."""
        firm, title = one.contact.firm, one.contact.title
        small = f"{firm.employees} people"
        causes: tuple[tuple[str, float, tuple[str, ...]], ...] = (
            ("not_a_buyer", 1.0 if firm.is_competitor else 0.0, ("Works for a competitor",)),
            ("not_a_buyer", 0.9 if title == "Student" else 0.0, ("Doing a thesis", "Student, writes a paper", "")),
            (
                "too_small",
                0.9 if firm.employees < 50 else 0.5 if firm.employees < 100 else 0.0,
                ("", small, f"{small}, two vans"),
            ),
            ("wrong_person", 0.7 if world.TITLES[title][1] < 0.32 else 0.0, ("", "No say in buying", "Sent me to their boss")),
            (
                "wrong_industry",
                0.75 if world.INDUSTRIES[firm.industry][1] < 0.4 else 0.0,
                ("", f"{firm.industry}: no docks, no tours"),
            ),
            ("wrong_region", 0.85 if firm.country not in world.SERVED else 0.0, ("", "We have no partner there")),
            ("known_already", 0.8 if firm.is_customer else 0.0, ("Has a contract already", "Talks with their account manager")),
            ("unreachable", 0.0 if one.contact.phone else 0.12, ("Mail bounces, no number", "No number, no answer to mails")),
            ("no_need", 0.4 if one.source.key == "Bought list" else 0.0, ("Never asked us for anything", "Does not know us", "")),
            ("no_need", 0.3 if one.horizon == "Just looking" else 0.0, ("Looked around, nothing planned", "")),
            (
                "bad_timing",
                0.25 if one.horizon == "This year" else 0.06,
                ("Call again next quarter", "Budget is spent for this year", ""),
            ),
        )
        for code, chance, notes in causes:
            if self.rng.random() < chance * one.source.doubt:
                return code, self.rng.choice(notes)
        return None

    def amount(self, employees: int | None) -> Decimal:
        """What a firm of that size spends."""
        return Decimal(round(min(90_000, 2_400 + 38 * (employees or 60) ** 0.9 * self.rng.uniform(0.7, 1.4)), -2))

    @staticmethod
    def appetite(one: Prospect) -> float:
        """How likely somebody who was reached goes on, 0 to 1."""
        return min(0.9, (0.2 + 0.8 * one.contact.quality * (0.5 + 0.5 * one.heat)) * one.source.buys)
