"""The workshop over real HTTP: what the first one of a cold worker waits for, twelve people who edit, thirty who watch.

Two web workers as in production and the worker's part that keeps the snapshot run as processes of their own. Everybody polls as a
browser does and has the figures drawn anew after each change. `figures` is the effect of a draft on all leads and cases, the answer
an edit is made for.
"""

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from django.test import override_settings

from config.bench.measure import Measured, Result, check, load_result, median_ms, p95_ms
from config.bench.meeting import Tab, Taken, people
from config.bench.past import make_past
from config.bench.rescores import change
from config.bench.scratch import data_digest, database_url, scratch_database
from config.bench.server import in_parallel, keeping_snapshot, serving
from config.bench.twenty import model
from leads import clock
from leads.models import Lead
from leads.templatetags.accord import figure
from scoring.actions.versions import create_draft, create_model, withdraw_draft, write_content
from scoring.activation import activate_here
from scoring.models import ModelVersion
from scoring.preview.asking import preview
from scoring.preview.drafts import compared
from scoring.signoff import NOBODY
from scoring.snapshot.reader import open_snapshot

SEED = 42
TWELVE, THIRTY = 12, 30
THREADS = 8  # of each web worker, as in production
WARM_UP_S = 12.0
TWELVE_S, THIRTY_S = 60.0, 30.0
GRACE_S = 4.0
COLD_STARTS = 3
SEEN_WITHIN_MS, POLL_MS, EDIT_MS, COLD_MS = 2_000.0, 60.0, 150.0, 600.0
CHANGED = 100  # leads somebody changes before the meeting: the keeper makes a new generation in the middle of it
Edits = list[Callable[[int], None]]


def run(sizes: list[int], *, keep: bool = False) -> Iterator[Result]:
    """Yields each size's rows. With `keep` the data stays in the database for the next run, which then has less to build."""
    for size in sorted(sizes):
        kept_as = f"accord_bench_{size}_{data_digest()}" if keep else None
        with scratch_database(name=kept_as, keep=keep) as name, tempfile.TemporaryDirectory() as folder:
            snapshot = Path(folder) / "snapshot"
            with override_settings(SCORING_SNAPSHOT_DIR=snapshot):
                yield from _one_size(size, database_url(name), snapshot)


def _one_size(size: int, url: str, folder: Path) -> Iterator[Result]:
    if not Lead.objects.exists():
        version = create_model("Bench", actor=None, start="empty", signers=NOBODY)
        make_past(size, clock.now(), SEED)
        write_content(version, model())
        activate_here(version, actor=None, reason="To be measured.", wave="none")
    check(Lead.objects.count() == size, "the kept data is not that of this size")
    live = ModelVersion.objects.get(status=ModelVersion.Status.ACTIVE)
    users = people(THIRTY)
    with keeping_snapshot(url, folder):
        draft = _new_draft(live)
        address = f"/criteria/drafts/{draft.pk}/"
        settings_too = {"SCORING_SNAPSHOT_DIR": str(folder)}
        yield _cold(size, url, folder, lambda port: Tab(port, users[0], address))
        with serving(url, threads=THREADS, settings_too=settings_too) as port:
            tabs = [Tab(port, user, address) for user in users]
            change(list(Lead.objects.values_list("pk", flat=True)[:CHANGED]), random.Random(SEED))  # noqa: S311 - made-up titles
            editors = _twelve(draft, tabs[:TWELVE])
            _check_figures(draft, tabs[0], folder)
            yield from _rows("", size, tabs[:TWELVE], TWELVE_S)
            yield load_result(size)
            for tab in tabs:
                tab.taken, tab.edits, tab.seen = {}, [], {}
            _thirty(draft, tabs, editors)
            yield from _rows("crowd_", size, tabs, THIRTY_S)
            yield load_result(size)


def _new_draft(live: ModelVersion) -> ModelVersion:
    for left in live.model.versions.filter(status=ModelVersion.Status.DRAFT):
        withdraw_draft(left, actor=None, rev=left.rev)
    return create_draft(live.model, actor=None)


def _cold(size: int, url: str, folder: Path, tab_at: Callable[[int], Tab]) -> Result:
    """The figures as the very first request of a fresh worker: nothing is loaded, nothing kept."""
    seconds = []
    for _ in range(COLD_STARTS):
        for kept in folder.glob("gen/*/previews"):  # nobody has asked this before
            shutil.rmtree(kept)
        with serving(url, workers=1, threads=THREADS, settings_too={"SCORING_SNAPSHOT_DIR": str(folder)}) as port:
            tab = tab_at(port)
            tab.known = {"rev": "1"}
            check(tab.figures(), "a cold worker answered nothing")
            seconds.append(tab.taken["figures"][0].seconds)
    p95 = p95_ms(seconds)
    return Result("cold_figures", size, median_ms(seconds), p95, target=COLD_MS, met=p95 <= COLD_MS, target_of="p95_ms")


# --- The meetings -------------------------------------------------------------------------------------------------------


def _twelve(draft: ModelVersion, tabs: list[Tab]) -> list[Edits]:
    """Four of twelve edit, one about once a second in all: points, the threshold and a condition; answers what each edits."""
    first, second, third, *_ = draft.criteria.values_list("key", flat=True)
    steps: list[Edits] = [
        [lambda turn: tabs[0].points(first, 15 + turn % 30)],
        [lambda turn: tabs[1].points(second, -(15 + turn % 30))],
        [lambda turn: tabs[2].threshold(20 + turn % 14), lambda turn: tabs[2].points(third, 9 + turn % 30)],
        [lambda turn: tabs[3].condition("size", 51 + turn)],
    ]
    _meet(tabs, steps, TWELVE_S + WARM_UP_S, (3.0, 5.0))
    began = max(tab.taken["page"][0].began for tab in tabs) + WARM_UP_S
    _check_edits(draft, tabs)
    for tab in tabs:
        tab.taken = {name: [one for one in some if one.began >= began] for name, some in tab.taken.items()}
        tab.edits = [edit for edit in tab.edits if edit[1] >= began]
    return steps[:3]


def _thirty(draft: ModelVersion, tabs: list[Tab], steps: list[Edits]) -> None:
    """Thirty look on while three of them edit, each about once a second."""
    _meet(tabs, steps, THIRTY_S, (0.6, 1.4))
    _check_edits(draft, tabs)


def _meet(tabs: list[Tab], steps: list[Edits], seconds: float, pause: tuple[float, float]) -> None:
    until = time.monotonic() + seconds

    def runs(number: int, _: list[float]) -> None:
        dice, tab = random.Random(number), tabs[number]  # noqa: S311 - the pace of a made-up browser
        tab.open()
        if number < len(steps):
            tab.works(steps[number], until, dice, pause)
            tab.stays(time.monotonic() + GRACE_S, dice)
        else:
            tab.stays(until + 2 * GRACE_S, dice)

    in_parallel(runs, len(tabs))


def _check_edits(draft: ModelVersion, tabs: list[Tab]) -> None:
    before = draft.rev
    draft.refresh_from_db()
    edits = sum(len(tab.edits) for tab in tabs)
    check(draft.rev == before + edits, f"{edits} edits, but the revision went from {before} to {draft.rev}")
    check(all(tab.rev == draft.rev for tab in tabs), "somebody never saw the last edit")


def _check_figures(draft: ModelVersion, tab: Tab, folder: Path) -> None:
    """Refuse all figures unless the page shows what is worked out here, over the same data from nothing."""
    specs, snapshot = compared(draft), open_snapshot(folder)
    assert snapshot is not None
    wanted = preview(specs.draft, specs.live, snapshot=snapshot)
    shown = tab.figures().decode()
    says = f"{figure(wanted.draft.open_mql)} <small>of {figure(wanted.basis.open_leads)}</small>"
    check(says in shown, f"the page does not say {says}")


# --- What was measured --------------------------------------------------------------------------------------------------

TARGETS = {"poll_same": POLL_MS, "poll_changed": EDIT_MS, "edit": EDIT_MS, "figures": EDIT_MS}


def _rows(prefix: str, size: int, tabs: Sequence[Tab], seconds: float) -> Iterator[Result]:
    """Each kind of request as the browser saw it, then the server's time and its processor's; at last when others saw an edit."""
    for name, target in TARGETS.items():
        some = [one for tab in tabs for one in tab.taken.get(name, [])]
        check(some, f"nobody had a {name}")
        yield _timed(f"{prefix}{name}", size, [one.seconds for one in some], len(some) / seconds, target)
        yield from _spent(f"{prefix}{name}", size, some)
    edits = [edit for tab in tabs for edit in tab.edits]
    delays = [
        seen - began
        for tab in tabs
        for rev, began in edits
        if (seen := min((at for had, at in tab.seen.items() if had >= rev), default=None)) is not None
    ]
    check(len(delays) == len(edits) * len(tabs), "an edit was not seen by everybody")
    yield _timed(f"{prefix}edit_seen", size, delays, None, SEEN_WITHIN_MS)


def _timed(step: str, size: int, seconds: Sequence[float], rate: float | None, target: float | None) -> Result:
    p95 = p95_ms(seconds)
    met, of = (None, None) if target is None else (p95 <= target, _P95)
    return Result(step, size, median_ms(seconds), p95, rate, target=target, met=met, target_of=of)


_P95: Measured = "p95_ms"


def _spent(step: str, size: int, some: Sequence[Taken]) -> Iterator[Result]:
    yield _timed(f"{step}_server", size, [one.spent.wall / 1000 for one in some], None, None)
    yield _timed(f"{step}_cpu", size, [one.spent.cpu / 1000 for one in some], None, None)
