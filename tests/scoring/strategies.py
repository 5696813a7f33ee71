"""Random models and facts: every operator, blank and unknown facts, umlauts, ages on and around each window's edge."""

from datetime import timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

from scoring.evaluate_python import Event, Facts
from tests.scoring.samples import AS_OF

TITLES = (
    "VP Sales",
    "MVP",
    "Head of IT",
    "INTERN",
    "International",
    "Müller & Söhne",
    "STRASSE",
    "Straße",
    "ＶＰ",
    "50%_off",
    "  ",
    "",
)
WORDS = ("vp", "head of", "intern", "müller", "strasse", "vp sales", "50", "off")
DAYS = (1, 2, 7, 30, 90)
KINDS = ("whitepaper", "webinar_attended", "demo_request", "unsubscribed")
POINTS = st.integers(-60, 60) | st.sampled_from((-1000, -1, 0, 1, 1000))

_text = st.fixed_dictionaries(
    {
        "field": st.sampled_from(("lead.job_title", "lead.email_domain")),
        "op": st.sampled_from(("in", "not_in", "words", "no_words", "part")),
        "values": st.lists(st.sampled_from(WORDS), min_size=1, max_size=3),
    }
)
_listed = st.fixed_dictionaries(
    {
        "field": st.just("lead.email_domain"),
        "op": st.sampled_from(("in_list", "not_in_list")),
        "list": st.just("free_mail"),
        "rev": st.sampled_from((1, 2)),
    }
)
_choice = st.fixed_dictionaries(
    {
        "field": st.just("lead.seniority"),
        "op": st.sampled_from(("in", "not_in")),
        "values": st.lists(st.sampled_from(("vp", "staff")), min_size=1, max_size=2),
    }
)
_multi = st.fixed_dictionaries(
    {
        "field": st.just("custom.interests"),
        "op": st.sampled_from(("has_any", "has_all", "has_none")),
        "values": st.lists(st.sampled_from(("api", "sso", "audit")), min_size=1, max_size=3),
    }
)
_number = st.builds(
    lambda op, low, width: {"field": "company.employees", "op": op, "low": low, "high": low + width},
    st.sampled_from(("between", "not_between")),
    st.integers(0, 500),
    st.integers(0, 500),
)
_boolean = st.fixed_dictionaries({"field": st.just("company.is_customer"), "op": st.just("is"), "value": st.booleans()})
_date = st.one_of(
    st.fixed_dictionaries(
        {"field": st.just("custom.renewal"), "op": st.sampled_from(("within_days", "older_than")), "days": st.sampled_from(DAYS)}
    ),
    st.just({"field": "custom.renewal", "op": "future"}),
    st.just({"field": "custom.renewal", "op": "between", "low": "2026-05-09", "high": "2026-06-08"}),
)
_presence = st.fixed_dictionaries(
    {
        "field": st.sampled_from(
            ("lead.job_title", "lead.seniority", "company.employees", "company.is_customer", "custom.interests", "custom.renewal")
        ),
        "op": st.sampled_from(("known", "unknown")),
    }
)
_event_filter = st.fixed_dictionaries(
    {"kinds": st.lists(st.sampled_from(KINDS), min_size=1, max_size=2)},
    optional={"assets": st.lists(st.sampled_from((1, 2)), max_size=2), "tags": st.just(["pricing"])},
)


def _count_clause(event: dict[str, Any], days: int, least: int | None, spread: int | None) -> dict[str, Any]:
    if least is None and spread is None:
        least = 1
    counts = {"at_least": least, "at_most": None if spread is None else (least or 0) + spread}
    return {"event": event, "days": days} | {name: count for name, count in counts.items() if count is not None}


_counted = st.builds(
    _count_clause, _event_filter, st.sampled_from(DAYS), st.integers(1, 3) | st.none(), st.integers(0, 2) | st.none()
)

clauses = st.one_of(_text, _listed, _choice, _multi, _number, _boolean, _date, _presence, _counted)


def _condition(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(lambda mode, some: {mode: some}, st.sampled_from(("all", "any")), st.lists(parts, min_size=1, max_size=3))


conditions = _condition(clauses | _condition(clauses))


@st.composite
def _criterion(draw: st.DrawFn, number: int, groups: dict[str, str]) -> dict[str, Any]:
    dimension = draw(st.sampled_from(("fit", "engagement")))
    one = {"key": f"c{number}", "label": f"Criterion {number}", "dimension": dimension, "points": draw(POINTS)}
    fitting = [key for key, held in groups.items() if held == dimension]
    if fitting and draw(st.booleans()):
        one["group"] = draw(st.sampled_from(fitting))
    if draw(st.booleans()):
        one["cap"] = draw(st.integers(0, 80))
    if draw(st.booleans()):
        return one | {"shape": "test", "when": draw(conditions)}
    one |= {
        "shape": "tally",
        "event": draw(_event_filter),
        "days": draw(st.sampled_from(DAYS)),
        "freq_min": draw(st.integers(1, 3)),
    }
    if draw(st.booleans()):
        one["award"] = "each"
        if draw(st.booleans()):
            one["freq_max"] = one["freq_min"] + draw(st.integers(0, 3))
        if draw(st.booleans()):
            one["half_life"] = draw(st.sampled_from((1, 3, 14, 30)))
    return one


def _limits(draw: st.DrawFn, low: str, high: str) -> dict[str, int]:
    found = {}
    if draw(st.booleans()):
        found[low] = draw(st.integers(-80, 0))
    if draw(st.booleans()):
        found[high] = draw(st.integers(0, 80))
    return found


@st.composite
def models(draw: st.DrawFn) -> dict[str, Any]:
    """A valid model in JSON."""
    groups = {f"g{number}": draw(st.sampled_from(("fit", "engagement"))) for number in range(draw(st.integers(0, 3)))}
    mqo = draw(st.none() | st.fixed_dictionaries({"tiers": st.just(["A"])}, optional={"when": conditions}))
    shape: dict[str, Any]
    if draw(st.booleans()):
        shape = {"kind": "total", "edges": sorted(draw(st.sets(st.integers(-50, 90), min_size=2, max_size=2)))}
    else:
        tier = st.sampled_from(("C", "B", "A"))
        grid = draw(st.lists(st.lists(tier, min_size=3, max_size=3), min_size=2, max_size=2))
        grid[1][2] = "A"
        shape = {"kind": "grid", "fit_edges": [draw(st.integers(-20, 40))], "engagement_edges": [0, 25], "grid": grid}
    return {
        "format": 1,
        "evaluator": 1,
        "model": "random",
        "scope": draw(st.just({"all": []}) | conditions),
        "dimensions": {one: _limits(draw, "floor", "ceiling") for one in ("fit", "engagement")},
        "groups": [
            {"key": key, "label": key.upper(), "dimension": dimension, **_limits(draw, "floor", "cap")}
            for key, dimension in groups.items()
        ],
        "criteria": [draw(_criterion(number, groups)) for number in range(draw(st.integers(1, 6)))],
        "gates": [{"key": "barred", "label": "Barred", "when": draw(conditions)}] if draw(st.booleans()) else [],
        "decision": shape | {"tiers": ["C", "B", "A"], "mql_from": "B"} | ({"mqo": mqo} if mqo else {}),
    }


_ages = st.sampled_from([edge for days in DAYS for edge in (days - 1, days)]) | st.integers(-3, 100)


@st.composite
def _event(draw: st.DrawFn, number: int) -> Event:
    at = AS_OF - timedelta(days=draw(_ages), seconds=draw(st.sampled_from((-1, 0, 1, 3600, -3600))))
    late = timedelta(days=draw(st.sampled_from((0, 0, 0, 1, 5))))
    return Event(number, draw(st.sampled_from(KINDS)), at, at + late, draw(st.sampled_from((None, 1, 2))))


@st.composite
def known_facts(draw: st.DrawFn) -> Facts:
    values: dict[str, object] = {
        "lead.job_title": draw(st.none() | st.sampled_from(TITLES)),
        "lead.email_domain": draw(st.sampled_from((None, "", "gmail.com", "GMX.de", "web.de", "vp.example"))),
        "lead.seniority": draw(st.sampled_from((None, "", "vp", "staff", "retired"))),
        "company.employees": draw(st.none() | st.integers(0, 1000) | st.sampled_from((0.5, 499.5))),
        "company.is_customer": draw(st.none() | st.booleans()),
        "custom.interests": draw(st.none() | st.lists(st.sampled_from(("api", "sso", "audit")), max_size=3)),
        "custom.renewal": draw(st.none() | _ages.map(lambda age: (AS_OF - timedelta(days=age)).date().isoformat())),
    }
    events = [draw(_event(number)) for number in range(1, draw(st.integers(0, 7)) + 1)]
    start = draw(st.none() | st.sampled_from((10, 50)).map(lambda age: AS_OF - timedelta(days=age)))
    return Facts(values, events, draw(st.integers(0, 9)) > 0, start)


def many_facts(seed: int, count: int) -> list[Facts]:
    """As `known_facts`, dozens at once and fifty times faster; fewer of the same seed are the first of them."""
    dice = Random(seed)
    return [_facts_by(dice) for _ in range(count)]


def _age_by(dice: Random) -> int:
    return dice.choice((dice.choice(DAYS) - dice.randint(0, 1), dice.randint(-3, 100)))


def _facts_by(dice: Random) -> Facts:
    values: dict[str, object] = {
        "lead.job_title": dice.choice((None, *TITLES)),
        "lead.email_domain": dice.choice((None, "", "gmail.com", "GMX.de", "web.de", "vp.example")),
        "lead.seniority": dice.choice((None, "", "vp", "staff", "retired")),
        "company.employees": dice.choice((None, dice.randint(0, 1000), dice.randint(0, 1000), 0.5, 499.5)),
        "company.is_customer": dice.choice((None, True, False)),
        "custom.interests": dice.choice((None, dice.choices(("api", "sso", "audit"), k=dice.randint(0, 3)))),
        "custom.renewal": dice.choice((None, (AS_OF - timedelta(days=_age_by(dice))).date().isoformat())),
    }
    events = []
    for number in range(1, dice.randint(0, 7) + 1):
        at = AS_OF - timedelta(days=_age_by(dice), seconds=dice.choice((-1, 0, 1, 3600, -3600)))
        late = timedelta(days=dice.choice((0, 0, 0, 1, 5)))
        events.append(Event(number, dice.choice(KINDS), at, at + late, dice.choice((None, 1, 2))))
    start = dice.choice((None, None, 10, 50))
    begun = None if start is None else AS_OF - timedelta(days=start)
    return Facts(values, events, dice.randint(0, 9) > 0, begun)
