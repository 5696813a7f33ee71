"""Reading cases, events, and which rows there are or have changed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from psycopg import sql

from leads.choices import Basis
from scoring.snapshot.dictionaries import KINDS, Dictionary
from scoring.snapshot.mark import Mark
from scoring.snapshot.packing import SEPARATOR, SINCE, Answer, Session, ask, numbers, pack, pack_text, rows_named
from scoring.snapshot.segment import DATED, HAS_ACTIVITY, Array
from scoring.snapshot.shaping import SENT, SINCE_2000, Coder, Rows

AT_ONCE = 250_000  # rows of one statement: what the server packs into one value has to stay under 1 GB
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


def read_events(ids: Sequence[int] | range, kinds: Dictionary, on: Session, *, of_cases: bool) -> Array:
    """All events of these cases or leads (type `SENT`), those of the future and of earlier engagements too; `id` is the row's.

    Leads in a range are all leads, as to look at their stages costs more than what is sent in vain. Kinds met for the first time
    get a code. Cases without activity history have no events.
    """
    where, parameters = rows_named(ids)
    if of_cases:
        row, source = "r.id", sql.SQL("leads_case AS r JOIN leads_activity AS a ON a.lead_id = r.lead_id AND r.has_activity")
    elif isinstance(ids, range):
        row, source, where = "a.lead_id", sql.SQL("leads_activity AS a"), sql.SQL("a.lead_id BETWEEN %s AND %s")
    else:  # joined, as the server knows how many these are, not how many of the activities
        row, source = "a.lead_id", sql.SQL("unnest(%s::bigint[]) AS r(id) JOIN leads_activity AS a ON a.lead_id = r.id")
        where = sql.SQL("TRUE")
    matched = sql.SQL("FROM {} LEFT JOIN unnest({}::text[]) WITH ORDINALITY AS k(kind, place) ON k.kind = a.kind WHERE {}")
    while True:
        rest = matched.format(source, sql.Literal(kinds.values), where)
        (packed,) = ask(
            sql.SQL("SELECT {} {}").format(
                pack(
                    sql.SQL(
                        "int8send({}) || int2send((coalesce(k.place, 0) - 1)::int2) || timestamptz_send(a.occurred_at) "
                        "|| timestamptz_send(a.known_at) || int4send(coalesce(a.asset_id, 0)::int4) "
                        "|| int4send(coalesce(a.campaign_id, 0)::int4)"
                    ).format(sql.SQL(row))
                ),
                rest,
            ),
            parameters,
            on,
        )
        sent = np.frombuffer(packed or b"", SENT)
        if not (sent["kind"] < 0).any():
            return sent
        # asked apart: next to the packing it would have everything sorted by kind, which takes twice as long
        (fresh,) = ask(sql.SQL("SELECT array_agg(DISTINCT a.kind) {} AND k.kind IS NULL").format(rest), parameters, on)
        for kind in sorted(fresh or ()):
            kinds.code(kind)


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
