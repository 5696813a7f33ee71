"""Leads coming in by the API over real HTTP, beside COPY of the same rows into the same tables."""

import io
import json
import time
from collections.abc import Iterator

from django.db import connection, transaction
from psycopg import sql

from config.bench.data import grow, wire_item
from config.bench.measure import Probe, Result, check, interleave, median_ms, p95_ms
from config.bench.scratch import database_url, scratch_database
from config.bench.server import Browser, in_parallel, serving
from leads import clock
from leads.intake.keys import create_key
from leads.models import ApiKey, Lead, User
from leads.roles import sync_roles

BATCH = 1000
ROUNDS = 7
SINGLES = 1200
CLIENTS = 4
COPY_SHARE = 1 / 15
SINGLES_A_SECOND = 200.0
# In the order in which rows may be written; removed in the opposite one.
TABLES = (
    "leads_company",
    "leads_lead",
    "leads_leadrevision",
    "leads_submission",
    "leads_leadevent",
    "leads_externalid",
    "leads_activity",
)


def run(sizes: list[int]) -> Iterator[Result]:
    """Yields the batch and the single posts at each size."""
    singles: dict[int, float] = {}
    with scratch_database() as name:
        secret = _key()
        have, next_person = 0, 50_000_000
        with serving(database_url(name)) as port:
            for size in sorted({1000, *sizes}):
                have = grow(have, size, clock.now())
                _analyse()
                yield from _single(port, secret, size, next_person, singles)
                next_person += SINGLES + CLIENTS * 10
                if size in sizes:
                    yield from _batch(port, secret, size, next_person)
                    next_person += BATCH * (ROUNDS + 1)
    smallest, largest = min(singles), max(singles)
    ratio = singles[largest] / singles[smallest]
    yield Result(
        "single_post_growth",
        largest,
        rate_per_s=singles[largest],
        limit=f"single_post at {smallest:,}",
        ratio=ratio,
        target=0.9,
        met=ratio >= 0.9,
        target_of="ratio",
    )


def _key() -> str:
    sync_roles()
    admin = User.objects.create_superuser("bench@accord.example", full_name="Bench")
    _, secret = create_key("Bench", list(ApiKey.Scope.values), actor=admin, rate_per_minute=10_000_000)
    return secret


def _analyse() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _headers(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}


def _single(port: int, secret: str, size: int, first: int, rates: dict[int, float]) -> Iterator[Result]:
    before = Lead.objects.count()

    def post(client: int, seconds: list[float]) -> None:
        browser = Browser(port, _headers(secret))
        warm = [first + SINGLES + client * 10 + n for n in range(10)]
        for n, number in enumerate([*warm, *range(first + client, first + SINGLES, CLIENTS)]):
            body = json.dumps(wire_item(number)).encode()
            start = time.perf_counter()
            status, answer = browser.request("POST", "/api/v1/leads", body)
            if n >= len(warm):
                seconds.append(time.perf_counter() - start)
            check(status in (200, 201), f"a single post answered {status}: {answer[:300]!r}")

    seconds, wall = in_parallel(post, CLIENTS)
    check(Lead.objects.count() == before + SINGLES + CLIENTS * 10, "not every single post made one lead")
    rates[size] = (SINGLES + CLIENTS * 10) / wall
    yield Result(
        "single_post",
        size,
        median_ms(seconds),
        p95_ms(seconds),
        rates[size],
        "200 a second",
        rates[size] / SINGLES_A_SECOND,
        SINGLES_A_SECOND,
        rates[size] >= SINGLES_A_SECOND,
        "rate_per_s",
    )


def _batch(port: int, secret: str, size: int, first: int) -> Iterator[Result]:
    browser = Browser(port, _headers(secret))
    state: dict[str, object] = {"number": first}

    def prepare() -> None:
        number = int(str(state["number"]))
        state["body"] = json.dumps({"items": [wire_item(n) for n in range(number, number + BATCH)]}).encode()
        state["number"] = number + BATCH
        state["marks"] = _marks()
        state["counts"] = _counts()

    def post() -> None:
        body = state["body"]
        check(isinstance(body, bytes), "no body")
        status, answer = browser.request("POST", "/api/v1/leads/batch", body if isinstance(body, bytes) else b"")
        check(status == 200, f"a batch answered {status}: {answer[:300]!r}")
        state["answer"] = answer

    def take_out() -> None:
        answer = json.loads(bytes(state["answer"]) if isinstance(state["answer"], bytes) else b"{}")
        made = sum(item.get("status") == "created" for item in answer.get("results", answer.get("items", [])))
        check(made == BATCH, f"a batch of {BATCH} made {made} leads")
        before, posted = state["counts"], _counts()
        check(
            isinstance(before, dict) and posted["leads_lead"] == before["leads_lead"] + BATCH, "a batch is not all in the table"
        )
        marks = state["marks"]
        state["rows"] = _take_out(marks if isinstance(marks, dict) else {})
        check(_counts() == before, "rows of the batch were left behind")
        state["counts"] = posted

    def put_back() -> None:
        rows = state["rows"]
        _copy_in(rows if isinstance(rows, dict) else {})

    def compare() -> None:
        check_copied(state["counts"], _counts())

    api, copy = Probe("batch_intake", post, prepare, BATCH), Probe("copy", put_back, take_out, BATCH, after=compare)
    interleave([api, copy], ROUNDS)
    rate = BATCH / (median_ms(api.seconds) / 1000)
    limit = BATCH / (median_ms(copy.seconds) / 1000)
    yield Result("copy", size, median_ms(copy.seconds), p95_ms(copy.seconds), limit)
    yield Result(
        "batch_intake",
        size,
        median_ms(api.seconds),
        p95_ms(api.seconds),
        rate,
        "copy",
        rate / limit,
        round(COPY_SHARE, 4),
        rate / limit >= COPY_SHARE,
        "ratio",
    )


def check_copied(posted: object, copied: dict[str, int]) -> None:
    """COPY must have written as many rows into every table as the API had: neither fewer nor more."""
    check(posted == copied, f"COPY did not write what the API had: {copied} rows instead of {posted}")


def _counts() -> dict[str, int]:
    """The number of rows of each table."""
    counts = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
            counts[table] = int(cursor.fetchone()[0])
    return counts


def _key_of(table: str) -> str:
    return "lead_id" if table == "leads_leadrevision" else "id"


def _marks() -> dict[str, int]:
    """The highest key of each table."""
    marks = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(
                sql.SQL("SELECT COALESCE(MAX({}), 0) FROM {}").format(sql.Identifier(_key_of(table)), sql.Identifier(table))
            )
            marks[table] = int(cursor.fetchone()[0])
    return marks


def _take_out(marks: dict[str, int]) -> dict[str, bytes]:
    """The rows written since `marks`, as COPY text, removed from their tables."""
    rows = {}
    with transaction.atomic(), connection.cursor() as cursor:
        for table in TABLES:
            buffer = io.BytesIO()
            statement = sql.SQL("COPY (SELECT * FROM {} WHERE {} > {} ORDER BY 1) TO STDOUT").format(
                sql.Identifier(table), sql.Identifier(_key_of(table)), sql.Literal(marks[table])
            )
            with cursor.copy(statement) as copy:
                for data in copy:
                    buffer.write(data)
            rows[table] = buffer.getvalue()
        for table in reversed(TABLES):
            cursor.execute(
                sql.SQL("DELETE FROM {} WHERE {} > {}").format(
                    sql.Identifier(table), sql.Identifier(_key_of(table)), sql.Literal(marks[table])
                )
            )
    return rows


def _copy_in(rows: dict[str, bytes]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for table in TABLES:
            with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as copy:
                copy.write(rows[table])
