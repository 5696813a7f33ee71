"""Reading cases, events, and which rows there are or have changed."""

from collections.abc import Iterable, Sequence

import numpy as np
from psycopg import sql

from leads.choices import Basis
from leads.lib.numbers import array_text
from scoring.snapshot.coding import Bundle, Coder
from scoring.snapshot.dictionaries import KINDS, Dictionary
from scoring.snapshot.mark import Mark
from scoring.snapshot.packing import SINCE, Answer, Session, ask, ask_all, numbers, pack, pack_texts, rows_named
from scoring.snapshot.segment import DATED, HAS_ACTIVITY, Array
from scoring.snapshot.shaping import SINCE_2000, Rows, Sent

AT_ONCE = 100_000  # rows of one statement: few, as the next is asked for while one is read, and a value stays far under 1 GB
EVENTS_AT_ONCE = 500_000  # of those ids, that is
_CASES = sql.SQL("leads_case AS r")

# --- Cases --------------------------------------------------------------------------------------------------------------


def fact(column: str, key: str, coder: Coder) -> sql.Composed:
    """A fact as raw text, as its coder reads it."""
    taken = sql.SQL("(r.{} -> {})::text" if coder.as_json else "r.{} ->> {}")
    return taken.format(sql.Identifier(column), sql.Literal(key))


def ask_cases(ids: Sequence[int] | range, bundles: Iterable[Bundle], on: Session) -> Answer:
    """These cases with their frozen facts, for `read_cases`."""
    wanted = [
        sql.SQL("count(*)"),
        pack(sql.SQL("int8send(r.id)")),
        pack(sql.SQL("int8send(r.lead_id)")),
        pack(sql.SQL("timestamptz_send(r.decided_at)")),
        pack(
            sql.SQL(
                "int2send(((CASE WHEN r.has_activity THEN {} ELSE 0 END) + (CASE r.basis WHEN {} THEN {} ELSE 0 END))::int2)"
            ).format(sql.Literal(HAS_ACTIVITY), sql.Literal(str(Basis.DECISION)), sql.Literal(DATED))
        ),
        SINCE,
    ]
    wanted += [pack_texts([fact("facts", key, coder) for key, coder in one.coders.items()]) for one in bundles]
    where, parameters = rows_named(ids)
    return ask(sql.SQL("SELECT {} FROM {} WHERE {}").format(sql.SQL(", ").join(wanted), _CASES, where), parameters, on)


def read_cases(answer: Answer, bundles: Iterable[Bundle]) -> Rows:
    """Rows of what `ask_cases` answered. Raises `Ambiguous`."""
    count, *packed = answer
    case_ids, lead_ids, decided, flags, since = map(numbers, packed[:5], (">i8", ">i8", ">i8", ">i2", ">i8"))
    columns = columns_of(bundles, packed[5:], count)
    return Rows(case_ids, lead_ids, columns, since, decided + SINCE_2000, flags.astype(np.uint8))


def columns_of(bundles: Iterable[Bundle], packed: Sequence[str | None], count: int) -> dict[str, Array]:
    """The columns of all bundles. Raises `Ambiguous`."""
    columns: dict[str, Array] = {}
    for one, texts in zip(bundles, packed, strict=True):
        columns |= one.columns(texts, count)
    return columns


OUTCOME_SENT = np.dtype([("id", ">i8"), ("outcome", ">i2"), ("reason", ">i4")])


def read_outcomes(ids: Sequence[int] | range, outcomes: Sequence[str], on: Session | None = None) -> Array:
    """What became of these cases: `id`, the position of the outcome among `outcomes` (-1: another one), id of the reason or 0."""
    where, parameters = rows_named(ids)
    (packed,) = ask(
        sql.SQL(
            "SELECT {} FROM {} LEFT JOIN unnest({}::text[]) WITH ORDINALITY AS o(name, place) ON o.name = r.outcome WHERE {}"
        ).format(
            pack(
                sql.SQL(
                    "int8send(r.id) || int2send((coalesce(o.place, 0) - 1)::int2) || int4send(coalesce(r.reason_id, 0)::int4)"
                )
            ),
            _CASES,
            sql.Literal(list(outcomes)),
            where,
        ),
        parameters,
        on,
    )
    return np.frombuffer(packed or b"", OUTCOME_SENT)


# --- Events -------------------------------------------------------------------------------------------------------------


# Most events count from when they happened and are of no asset or campaign: the rest is sent of the others alone, which the
# number of their lead tells.
_HAS_REST = sql.SQL("a.known_at <> a.occurred_at OR a.asset_id IS NOT NULL OR a.campaign_id IS NOT NULL")
_EVENT = sql.SQL(", ").join(
    pack(sql.SQL(sent).format(_HAS_REST))
    for sent in (
        "int8send(CASE WHEN {} THEN ~a.lead_id ELSE a.lead_id END)",
        "timestamptz_send(a.occurred_at)",
        "CASE WHEN {} THEN timestamptz_send(a.known_at) || int8send(coalesce(a.asset_id, 0))"
        " || int8send(coalesce(a.campaign_id, 0)) END",
    )
)
_REST = np.dtype([("known", ">i8"), ("asset", ">i8"), ("campaign", ">i8")])


def ask_events(of: Sequence[int] | range, on: Session) -> list[Answer]:
    """All events of these leads, those of the future and of earlier engagements too; or, as a range, those with these ids."""
    source, where = sql.SQL("leads_activity AS a"), sql.SQL("a.id BETWEEN %s AND %s")
    parameters: list[object] = [of.start, of.stop - 1] if isinstance(of, range) else [array_text(of)]
    if not isinstance(of, range):  # joined, as the server knows how many these are, not how many of the activities
        source = sql.SQL("unnest(%s::bigint[]) AS r(id) JOIN leads_activity AS a ON a.lead_id = r.id")
        where = sql.SQL("TRUE")
    return ask_all(sql.SQL("SELECT a.kind, {} FROM {} WHERE {} GROUP BY a.kind").format(_EVENT, source, where), parameters, on)


def read_events(answer: Sequence[Answer], kinds: Dictionary) -> Sent:
    """What `ask_events` answered. Kinds met for the first time get a code."""
    parts = [_of_kind(kinds.code(kind), *packed) for kind, *packed in sorted(answer, key=lambda row: row[0])]
    none = Sent(*(np.empty(0, kind) for kind in (np.int64, np.int16, np.int64, np.int64, np.int8, np.int8)))
    return Sent(*(np.concatenate([getattr(one, name) for one in (none, *parts)]) for name in Sent.__slots__))


def _of_kind(code: int, leads: bytes, occurred: bytes, rest: bytes | None) -> Sent:
    lead, happened = numbers(leads, ">i8"), numbers(occurred, ">i8")
    known, asset, campaign = happened, np.zeros(len(lead), np.int8), np.zeros(len(lead), np.int8)
    if rest:
        sent, at = np.frombuffer(rest, _REST), np.flatnonzero(lead < 0)
        lead[at] = ~lead[at]
        known, asset, campaign = happened.copy(), asset.astype(np.int64), campaign.astype(np.int64)
        known[at], asset[at], campaign[at] = sent["known"], sent["asset"], sent["campaign"]
    return Sent(lead, np.full(len(lead), code, np.int16), happened, known, asset, campaign)


def ranges_of(table: str, each: int) -> list[range]:
    """Ranges of `each` numbers that hold the ids of all rows of a table."""
    low, high = ask(sql.SQL("SELECT min(id), max(id) FROM {}").format(sql.Identifier(table)), ())
    return [] if low is None else [range(first, min(first + each, high + 1)) for first in range(low, high + 1, each)]


# --- Which rows there are -----------------------------------------------------------------------------------------------


def changed_leads(mark: Mark) -> list[int]:
    """Leads whose facts, stage or events were changed by a transaction that is not behind the mark, or that it deleted."""
    return _ids(sql.SQL("SELECT lead_id FROM leads_leadrevision WHERE {}"), ("lead",), mark)


def changed_cases(mark: Mark) -> list[int]:
    """Cases written or deleted by a transaction that is not behind the mark, or whose history it changed."""
    return _ids(sql.SQL("SELECT id FROM leads_case WHERE {}"), ("case", "late"), mark)


def cases_of(lead_ids: Sequence[int], since: Mark) -> list[int]:
    """Cases of these leads that were written by a transaction that is not behind the mark."""
    query = sql.SQL("SELECT array_agg(id) FROM leads_case WHERE {} AND lead_id = ANY(%s::bigint[])").format(since.is_passed)
    return list(ask(query, [array_text(lead_ids)])[0] or ())


def _ids(changed: sql.SQL, noted: Sequence[str], mark: Mark) -> list[int]:
    query = sql.SQL(
        "SELECT array_agg(id) FROM ({} UNION SELECT row_id FROM leads_deletion WHERE {} AND kind = ANY({})) AS found (id)"
    ).format(changed.format(mark.is_passed), mark.is_passed, sql.Literal(list(noted)))
    return list(ask(query, ())[0] or ())


def database() -> str:
    """Names this database: another one, also one restored from a dump, has another name."""
    name, oid = ask(sql.SQL("SELECT datname::text, oid::bigint FROM pg_database WHERE datname = current_database()").format(), ())
    return f"{name}/{oid}"


def known_kinds(kinds: Iterable[str], dictionaries: dict[str, Dictionary]) -> Dictionary:
    """The dictionary of kinds, holding at least these."""
    dictionary = dictionaries.setdefault(KINDS, Dictionary())
    for kind in kinds:
        dictionary.code(kind)
    return dictionary
