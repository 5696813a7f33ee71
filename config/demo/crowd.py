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


class Crowd:
    """Makes people, what is sent of them, and what a rep thinks of them; all from one source of chance."""

    def __init__(self, rng: Random, *, size: int, start: datetime, now: datetime) -> None:
        self.rng = rng
        self.size = size
        self.start = start
        self.now = now
        self.campaigns = {campaign.name: campaign for campaign in Campaign.objects.all()}

    def people(self) -> list[Prospect]:
        """Everybody of the year, in the order of coming in; the last ones come from the show that has just been."""
        firms = world.make_firms(self.rng, max(40, int(self.size * 0.62)))
        taken: set[str] = set()
        prospects = []
        surge = max(30, self.size // 14)
        for number in range(self.size):
            source = self.rng.choices(catalogue.SOURCES, weights=[one.share for one in catalogue.SOURCES])[0]
            if number < surge:  # the show has just been
                source = next(one for one in catalogue.SOURCES if one.key == "Trade show")
            contact = self._contact(firms, source, taken)
            prospects.append(self._prospect(contact, source, self.campaigns.get(source.campaign), fresh=number < surge))
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
        else:
            arrives = self._seasonal_moment()
        heat = min(1.0, max(0.02, 0.55 * contact.quality + 0.25 * source.quality + self.rng.uniform(0.0, 0.55)))
        return Prospect(contact, source, arrives, self._doings(arrives, source, heat, pace=0.12 if fresh else 1.0), heat)

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
        if one.source.first in ("form_submit", "contact_request"):
            values["custom.buying_horizon"] = self.rng.choices(
                ["This quarter", "This year", "Just looking"], [one.heat, 0.4, 1 - one.heat]
            )[0]
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
        campaign = self.campaigns.get(one.source.campaign)
        if campaign is None or (campaign.starts_on and one.arrives.date() < campaign.starts_on):
            return None
        return campaign.pk

    def objection(self, one: Prospect) -> tuple[str, str] | None:
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

    def amount(self, employees: int | None) -> Decimal:
        """What a firm of that size spends."""
        return Decimal(round(min(90_000, 2_400 + 38 * (employees or 60) ** 0.9 * self.rng.uniform(0.7, 1.4)), -2))

    @staticmethod
    def appetite(one: Prospect) -> float:
        """How likely somebody who was reached goes on, 0 to 1."""
        return 0.25 + 0.75 * one.contact.quality * (0.5 + 0.5 * one.heat)
