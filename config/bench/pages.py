"""Inbox and lead list over real HTTP, beside an empty page, and their query counts at a small and a large size."""

import time
from collections.abc import Iterator
from urllib.parse import quote

from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings

from config.bench.data import grow
from config.bench.measure import Result, check, median_ms, p95_ms
from config.bench.scratch import database_url, scratch_database
from config.bench.server import Browser, serving
from config.bench.settings import STORAGES
from config.bench.worth import prepare_model, score_all
from handoff.actions.opening import open_handoffs
from handoff.defaults import install_defaults
from handoff.models import Handoff, Rep
from handoff.routing import route_waiting
from leads import clock
from leads.models import Lead, User
from leads.roles import BY_KEY
from scoring.models import Qualification

SMALL = 1000
ROUNDS = 120
TARGET_MS = 60.0
REPS = 20
HANDED_OVER = 2000


def _people() -> tuple[User, User]:
    """Twenty reps and a marketer; returns the rep and the marketer whose pages are read."""
    reps = []
    for number in range(REPS):
        user = User.objects.create_user(f"rep{number}@accord.example", full_name=f"Rep {number}")
        user.groups.add(Group.objects.get(name=BY_KEY["rep"].label))
        Rep.objects.create(user=user, open_cap=1000)
        reps.append(user)
    marketer = User.objects.create_user("marketer@accord.example", full_name="Marketer")
    marketer.groups.add(Group.objects.get(name=BY_KEY["marketing"].label))
    return reps[0], marketer


def _hand_over(at_most: int) -> None:
    Qualification.objects.filter(closed_at=None, release_at=None).update(release_at=clock.now())
    while Handoff.objects.count() < at_most and open_handoffs(500):
        pass
    while route_waiting(2000):
        pass


def run(sizes: list[int]) -> Iterator[Result]:
    """Yields each page at each size, beside the empty page measured in the same rounds."""
    counts: dict[str, dict[int, int]] = {}
    with scratch_database() as name:
        prepare_model()
        install_defaults()
        rep, marketer = _people()
        have = 0
        with serving(database_url(name)) as port:
            for size in sorted({SMALL, *sizes}):
                have = grow(have, size, clock.now())
                score_all(size)
                _hand_over(HANDED_OVER if size > SMALL else 60)
                with connection.cursor() as cursor:
                    cursor.execute("VACUUM ANALYZE")
                yield from _measure(port, size, rep, marketer, counts)
    for page, by_size in counts.items():
        check(len(set(by_size.values())) == 1, f"{page} needs more queries on more rows: {by_size}")
        yield Result(
            f"{page}_queries", max(by_size), limit=f"at {min(by_size):,}", ratio=1.0, target=1.0, met=True, target_of="ratio"
        )


def _measure(port: int, size: int, rep: User, marketer: User, counts: dict[str, dict[int, int]]) -> Iterator[Result]:
    pages = {
        "inbox": (rep, "/inbox/"),
        "lead_list": (marketer, "/leads/"),
        "lead_list_stage": (marketer, "/leads/?stage=prospect"),
        "lead_search": (marketer, "/leads/?q=" + quote("okaf log")),
        "lead_page": (marketer, f"/leads/{Lead.objects.order_by('pk').values_list('pk', flat=True)[size // 2]}/"),
    }
    empty, browsers = [], {}
    for user in (rep, marketer):
        client = Client()
        client.force_login(user)
        cookie = "; ".join(f"{key}={morsel.value}" for key, morsel in client.cookies.items())
        browsers[user.pk] = Browser(port, {"Cookie": cookie})
        for page, (whose, path) in pages.items():
            if whose == user:
                counts.setdefault(page, {})[size] = _queries(client, path)
    seconds: dict[str, list[float]] = {page: [] for page in pages}
    for number in range(ROUNDS + 5):
        for page, (user, path) in pages.items():
            browser = browsers[user.pk]
            floor = _timed(browser, "/bench/empty/")
            taken = _timed(browser, path)
            if number >= 5:
                empty.append(floor)
                seconds[page].append(taken)
    yield Result("empty_page", size, median_ms(empty), p95_ms(empty))
    for page, values in seconds.items():
        p95 = p95_ms(values)
        yield Result(
            page,
            size,
            median_ms(values),
            p95,
            None,
            "empty_page",
            median_ms(values) / median_ms(empty),
            TARGET_MS,
            p95 <= TARGET_MS,
            "p95_ms",
        )


def _timed(browser: Browser, path: str) -> float:
    start = time.perf_counter()
    status, body = browser.request("GET", path)
    taken = time.perf_counter() - start
    check(status == 200, f"{path} answered {status}: {body[:200]!r}")
    return taken


def _queries(client: Client, path: str) -> int:
    with override_settings(ALLOWED_HOSTS=["testserver"], SECURE_SSL_REDIRECT=False, STORAGES=STORAGES):
        client.get(path)
        with CaptureQueriesContext(connection) as captured:
            response = client.get(path)
            check(response.status_code == 200, f"{path} answered {response.status_code}")
    return len(captured)
