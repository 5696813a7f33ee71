"""Deterministic people for benchmarks: the n-th is always the same."""

from datetime import datetime, timedelta
from functools import lru_cache
from random import Random

from config.demo import world
from leads.intake.batch import take_in
from leads.intake.incoming import MOST_AT_ONCE, Incoming, IncomingActivity

KINDS = ("page_view", "product_view", "email_open", "pricing_view", "whitepaper", "ebook", "webinar_attended", "demo_request")
SOURCES = ("Website", "Paid search", "Trade show", "Bought list", "Partner", "Webinar")


@lru_cache(maxsize=1)
def _firms() -> list[world.Firm]:
    return world.make_firms(Random(11), 3000)  # noqa: S311 - invented data


def person(number: int) -> dict[str, object]:
    """Facts of the n-th person, by registry key."""
    rng = Random(number)  # noqa: S311 - invented data
    firm = _firms()[int(rng.paretovariate(0.9)) % len(_firms())] if rng.random() < 0.5 else rng.choice(_firms())
    first, last = rng.choice(world.FIRST), rng.choice(world.LAST)
    return {
        "lead.first_name": first,
        "lead.last_name": last,
        "lead.email": f"{first}.{last}.{number}@{firm.domain}".lower(),
        "lead.phone": f"{world.DIALLING[firm.country]}{2_000_000 + number % 7_000_000}",
        "lead.job_title": rng.choice(list(world.TITLES)),
        "lead.country": firm.country,
        "company.name": firm.name,
        "company.domain": firm.domain,
        "company.industry": firm.industry,
        "company.employees": firm.employees,
    }


def activities(number: int, now: datetime, count: int) -> list[IncomingActivity]:
    """What the n-th person did in the last half year."""
    rng = Random(-number - 1)  # noqa: S311 - invented data
    return [
        IncomingActivity(
            kind=rng.choice(KINDS),
            occurred_at=now - timedelta(days=rng.uniform(0, 180)),
            source="bench",
            source_id=f"{number}-{n}",
        )
        for n in range(count)
    ]


def incoming(first: int, count: int, now: datetime, each: int) -> list[Incoming]:
    """People `first` to `first + count - 1`, each with `each` activities."""
    found = []
    for number in range(first, first + count):
        values = person(number)
        found.append(
            Incoming(
                values=values,
                activities=activities(number, now, each),
                source=SOURCES[number % len(SOURCES)],
                raw={key: value for key, value in values.items()},
            )
        )
    return found


def grow(have: int, want: int, now: datetime, *, each: int = 5) -> int:
    """Take in people `have` to `want - 1` by the intake, if they are not there yet; returns how many there are now."""
    while have < want:
        count = min(MOST_AT_ONCE, want - have)
        take_in(incoming(have, count, now, each), actor=None, channel="api")
        have += count
    return have


def wire_item(number: int) -> dict[str, object]:
    """The n-th person as the API is sent them."""
    values = person(number)
    named = {key.partition(".")[2]: value for key, value in values.items() if key.startswith("lead.")}
    firm = {key.partition(".")[2]: value for key, value in values.items() if key.startswith("company.")}
    return {**named, "company": firm, "source": SOURCES[number % len(SOURCES)]}
