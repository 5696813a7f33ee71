"""Reading cases, events, and which rows there are or have changed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from psycopg import sql

from leads.choices import Basis
from scoring.snapshot.coding import Coder
from scoring.snapshot.dictionaries import KINDS, Dictionary
from scoring.snapshot.mark import Mark
from scoring.snapshot.packing import SEPARATOR, SINCE, Answer, Session, ask, ask_all, numbers, pack, pack_text, rows_named
from scoring.snapshot.segment import DATED, HAS_ACTIVITY, Array
from scoring.snapshot.shaping import SINCE_2000, Rows, Sent

AT_ONCE = 100_000  # rows of one statement: few, as the next is asked for while one is read, and a value stays far under 1 GB
EVENTS_AT_ONCE = 500_000  # of those ids, that is
_CASES = sql.SQL("leads_case AS r")

# --- Cases --------------------------------------------------------------------------------------------------------------


def ask_cases(ids: Sequence[int] | range, fields: Iterable[str], on: Session) -> Answer:
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
    wanted += [pack_text(sql.SQL("(r.facts -> {})::text").format(sql.Literal(key))) for key in fields]
    where, parameters = rows_named(ids)
    return ask(sql.SQL("SELECT {} FROM {} WHERE {}").format(sql.SQL(", ").join(wanted), _CASES, where), parameters, on)


def answered_leads(answer: Answer) -> Array:
    """The leads of the cases asked for."""
    return numbers(answer[2], ">i8")


def read_cases(answer: Answer, coders: Mapping[str, Coder]) -> Rows:
    """Rows of what `ask_cases` answered."""
    count, *packed = answer
    case_ids, lead_ids, decided, flags, since = map(numbers, packed[:5], (">i8", ">i8", ">i8", ">i2", ">i8"))
    columns = {
        key: coder.parted(column, SEPARATOR, count) for (key, coder), column in zip(coders.items(), packed[5:], strict=True)
    }
    return Rows(case_ids, lead_ids, columns, since, decided + SINCE_2000, flags.astype(np.uint8))


OUTCOME_SENT = np.dtype([("id", ">i8"), ("outcome", ">i2"), ("reason", ">i4")])


def read_outcomes(ids: Sequence[int] | range, outcomes: Sequence[str]) -> Array:
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
    )
    return np.frombuffer(packed or b"", OUTCOME_SENT)


# --- Events -------------------------------------------------------------------------------------------------------------


_EVENT = (
    sql.SQL("int8send(a.lead_id)"),
    sql.SQL("timestamptz_send(a.occurred_at)"),
    sql.SQL("timestamptz_send(a.known_at)"),
    sql.SQL("int8send(a.asset_id)"),
    sql.SQL("int8send(a.campaign_id)"),
)


def ask_events(of: Sequence[int] | range, on: Session) -> list[Answer]:
    """All events of these leads, those of the future and of earlier engagements too; or, as a range, those with these ids."""
    source, where = sql.SQL("leads_activity AS a"), sql.SQL("a.id BETWEEN %s AND %s")
    parameters: list[object] = [of.start, of.stop - 1] if isinstance(of, range) else [list(of)]
    if not isinstance(of, range):  # joined, as the server knows how many these are, not how many of the activities
        source = sql.SQL("unnest(%s::bigint[]) AS r(id) JOIN leads_activity AS a ON a.lead_id = r.id")
        where = sql.SQL("TRUE")
    return ask_all(
        # of one group all have an asset or none has, so that what is not there need not be sent
        sql.SQL("SELECT a.kind, {} FROM {} WHERE {} GROUP BY a.kind, a.asset_id IS NULL, a.campaign_id IS NULL").format(
            sql.SQL(", ").join(map(pack, _EVENT)), source, where
        ),
        parameters,
        on,
    )


def read_events(answer: Sequence[Answer], kinds: Dictionary) -> Sent:
    """What `ask_events` answered. Kinds met for the first time get a code."""
    columns: list[list[Array]] = [[np.empty(0, kind)] for kind in (np.int64, np.int16, np.int64, np.int64, np.int8, np.int8)]
    for kind, *packed in sorted(answer, key=lambda row: row[0]):
        arrays = [None if one is None else numbers(one, ">i8") for one in packed]
        assert arrays[0] is not None
        count = len(arrays[0])
        for column, array in zip(columns, [arrays[0], np.full(count, kinds.code(kind), np.int16), *arrays[1:]], strict=True):
            column.append(np.zeros(count, np.int8) if array is None else array)
    return Sent(*map(np.concatenate, columns))


def ranges_of(table: str, each: int) -> list[range]:
    """Ranges of `each` numbers that hold the ids of all rows of a table."""
    low, high = ask(sql.SQL("SELECT min(id), max(id) FROM {}").format(sql.Identifier(table)), ())
    return [] if low is None else [range(first, min(first + each, high + 1)) for first in range(low, high + 1, each)]


# --- Which rows there are -----------------------------------------------------------------------------------------------


def case_ids() -> Array:
    """The ids of all cases, in order (int64)."""
    return np.sort(numbers(ask(sql.SQL("SELECT {} FROM {}").format(pack(sql.SQL("int8send(r.id)")), _CASES), ())[0], ">i8"))


def changed_leads(mark: Mark) -> list[int]:
    """Leads whose facts, stage or events were changed by a transaction that is not behind the mark, or that it deleted."""
    return _ids(sql.SQL("SELECT lead_id FROM leads_leadrevision WHERE {}"), ("lead",), mark)


def changed_cases(mark: Mark) -> list[int]:
    """Cases written or deleted by a transaction that is not behind the mark, or whose history it changed."""
    return _ids(sql.SQL("SELECT id FROM leads_case WHERE {}"), ("case", "late"), mark)


def cases_of(lead_ids: Sequence[int], since: Mark) -> list[int]:
    """Cases of these leads that were written by a transaction that is not behind the mark."""
    query = sql.SQL("SELECT array_agg(id) FROM leads_case WHERE {} AND lead_id = ANY(%s)").format(since.is_passed)
    return list(ask(query, [list(lead_ids)])[0] or ())


def _ids(changed: sql.SQL, noted: Sequence[str], mark: Mark) -> list[int]:
    query = sql.SQL(
        "SELECT array_agg(id) FROM ({} UNION SELECT row_id FROM leads_deletion WHERE {} AND kind = ANY({})) AS found (id)"
    ).format(changed.format(mark.is_passed), mark.is_passed, sql.Literal(list(noted)))
    return list(ask(query, ())[0] or ())


def database() -> str:
    """Names this database: another one, also one restored from a dump, has another name."""
    name, oid = ask(sql.SQL("SELECT datname::text, oid::bigint FROM pg_database WHERE datname = current_database()").format(), ())
    return f"{name}/{oid}"


def ranges(ids: Array) -> Iterator[range]:
    """Ranges that hold `AT_ONCE` of these ordered ids each."""
    for first in range(0, len(ids), AT_ONCE):
        some = ids[first : first + AT_ONCE]
        yield range(int(some[0]), int(some[-1]) + 1)


def known_kinds(kinds: Iterable[str], dictionaries: dict[str, Dictionary]) -> Dictionary:
    """The dictionary of kinds, holding at least these."""
    dictionary = dictionaries.setdefault(KINDS, Dictionary())
    for kind in kinds:
        dictionary.code(kind)
    return dictionary
