"""The cast and the builders every test may use."""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client, TransactionTestCase

from config import embedded
from leads import clock
from leads.models import Team, TeamMember, User
from tests.builders import Builders
from tests.emptying import Emptying
from tests.house.watch import (  # noqa: F401 - hooks and fixtures that hold for every test
    _watch_pages,
    _watch_templates,
    pytest_sessionfinish,
    pytest_terminal_summary,
)

_number = count(1)
MONDAY = datetime(2026, 6, 8, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> Iterator[None]:
    """Without DATABASE_URL the tests bring up a server of their own; parallel runs share it and the last one stops it."""
    if settings.EMBEDDED_FOLDER is None:
        yield
        return
    server = embedded.use(settings.EMBEDDED_FOLDER, durable=False)
    yield
    connections.close_all()
    server.leave()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    """The roles are there in every test's database, as after `sync_roles`, also after a test with real transactions."""
    from leads.roles import sync_roles

    with django_db_blocker.unblock():
        sync_roles()
        empty = Emptying.note()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: empty())
        yield


@pytest.fixture(scope="session", autouse=True)
def _seldom_collected() -> None:
    """Hundreds of thousands of objects are there for the whole run: they are not looked through for garbage over and over."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def _no_banner() -> None:
    """No worker runs beside the tests; that every page says so has a test of its own."""
    from config.health import banner

    banner.hold(None)


@pytest.fixture(scope="session")
def _snapshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("snapshots")


@pytest.fixture(autouse=True)
def _own_snapshot(_snapshots: Path, settings: object) -> None:
    """The figures of one test are not those of the one before, whose rows are gone without a trace."""
    settings.SCORING_SNAPSHOT_DIR = _snapshots / str(next(_number))


@pytest.fixture
def freeze() -> Iterator[Callable[[datetime], clock.Hands]]:
    """`freeze(at)` holds the portal's clock for the test; the returned hands move it."""
    with ExitStack() as stack:
        yield lambda at=MONDAY: stack.enter_context(clock.frozen(at))


@pytest.fixture
def make(db: None) -> Builders:
    return Builders()


@pytest.fixture
def cast(make: Builders) -> SimpleNamespace:
    """Two reps under one manager, marketing, the heads, an administrator, and an outsider without a role."""
    names = (
        "rep", "other_rep", "manager", "marketer", "marketing_ops", "head_of_marketing", "head_of_sales", "admin", "outsider",
    )  # fmt: skip
    users = make.users(
        ("rita@accord.test", "Rita Rep", "rep"),
        ("otto@accord.test", "Otto Other", "rep"),
        ("mona@accord.test", "Mona Manager", "sales_manager"),
        ("maya@accord.test", "Maya Marketer", "marketing"),
        ("omar@accord.test", "Omar Ops", "marketing_ops"),
        ("hanna@accord.test", "Hanna Head", "head_of_marketing"),
        ("jonas@accord.test", "Jonas Head", "head_of_sales"),
        ("ada@accord.test", "Ada Admin", "administrator"),
        ("oscar@accord.test", "Oscar Outsider"),
    )
    people = SimpleNamespace(**dict(zip(names, users, strict=True)))
    team = Team.objects.create(name="Sales north")
    TeamMember.objects.bulk_create(
        [
            TeamMember(team=team, user=people.manager, is_manager=True),
            TeamMember(team=team, user=people.rep),
            TeamMember(team=team, user=people.other_rep),
        ]
    )
    people.team = team
    return people


@pytest.fixture
def client_of() -> Callable[[User | None], Client]:
    """A browser in which `user` is signed in (None: nobody)."""

    def client(user: User | None, **options: object) -> Client:
        browser = Client(**options)
        if user is not None:
            browser.force_login(user)
        return browser

    return client


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Workers begin with the slow tests, shared out evenly: what is left at the end, when one has to wait for another, is short."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers == 1:
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    rest = [item for item in items if not item.get_closest_marker("slow")]
    size = -(-len(rest) // workers)
    items[:] = [
        item for worker in range(workers) for item in (*slow[worker::workers], *rest[worker * size : (worker + 1) * size])
    ]


def pytest_configure(config: pytest.Config) -> None:
    if config.pluginmanager.hasplugin("xdist"):
        from tests.house.watch import pytest_testnodedown

        config.pluginmanager.register(SimpleNamespace(pytest_testnodedown=pytest_testnodedown), "house-nodes")
