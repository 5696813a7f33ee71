"""The snapshot holds what the database says, however it came to be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.db.models import Func
from psycopg import sql

from leads.actions.outcome import freeze_case
from leads.choices import CaseKind, FieldType, Outcome, Stage
from leads.models import Activity, Asset, Campaign, Case, Lead, LeadField, Product, Reason
from leads.revisions import touch_revisions
from scoring.column_cache import ColumnCache
from scoring.columns import NotInSnapshot
from scoring.evaluate_numpy import evaluate
from scoring.evaluate_python import evaluate as reference
from scoring.facts import load_case_facts, load_facts
from scoring.forgetting import forget_erased
from scoring.lift import LABELLED
from scoring.operators import day_of
from scoring.snapshot import building, files, reading
from scoring.snapshot.dictionaries import KINDS
from scoring.snapshot.mark import Mark
from scoring.snapshot.merging import kinds_of
from scoring.snapshot.reader import GOALS, OUTCOMES, Snapshot, counted_bit, current_snapshot, open_snapshot, snapshot_folder
from scoring.snapshot.segment import CODED, Segment
from scoring.spec_reader import read_spec
from scoring.vocabulary import load_registry
from tests.scoring.columns import said, told
from tests.scoring.samples import a_tally, a_test, clause, model, when

NOW = datetime(2026, 6, 8, 9, 30, tzinfo=UTC)
KINDS_DONE = ("whitepaper", "webinar_attended", "demo_request", "something_own")


@pytest.fixture(autouse=True)
def folder(tmp_path, settings):
    settings.SCORING_SNAPSHOT_DIR = tmp_path / "snapshot"
    return settings.SCORING_SNAPSHOT_DIR


@pytest.fixture(autouse=True)
def clock(freeze):
    return freeze(NOW)


@pytest.fixture
def catalogue(db):
    for key, kind in (
        ("note", "text"),
        ("tier", "choice"),
        ("wants", "multi"),
        ("seats", "number"),
        ("pilot", "boolean"),
        ("ends", "date"),
    ):
        LeadField.objects.create(
            key=key, label=key.title(), type=kind, choices=["a", "b", "c"] if kind in ("choice", "multi") else []
        )
    LeadField.objects.create(key="nickname", label="Nickname", type=FieldType.TEXT, personal=True)
    Asset.objects.create(key="guide", name="Guide", kind="whitepaper")
    Campaign.objects.create(name="Fair\x1f 2026")
    Product.objects.create(key="crm", name="CRM")
    Reason.objects.create(code="small", label="Too small")


class World:
    """Random leads, activities and cases, and random things that happen to them."""

    def __init__(self, make, seed: int) -> None:
        self.make = make
        self.rng = Random(seed)
        self.asset, self.campaign, self.product = Asset.objects.get(), Campaign.objects.get(), Product.objects.get()
        self.reason = Reason.objects.get()
        self.companies = [
            make.company(industry=industry, employees=employees, revenue=revenue, country=country, is_customer=customer)
            for industry, employees, revenue, country, customer in (
                ("Maschinenbau", 12, None, "DE", False), ("", None, 123_456_789_012_345, "", True), ("  ", 5000, 7, "CH", False),
            )
        ]  # fmt: skip

    def attributes(self) -> dict[str, Any]:
        pick = self.rng.choice
        full = {
            "note": pick(["Große Pläne", "x\x1fy", "", "a, b", 5, None]),
            "tier": pick(["a", "b", "", None, ["a"]]),
            "wants": pick([[], ["a"], ["b", "a"], ["c", "a", 3], None, "a"]),
            "seats": pick([0, 12, 12.5, -3, None, "12", True, 1e15 - 1]),
            "pilot": pick([True, False, None, "yes", 1]),
            "ends": pick(["2026-06-08", "2026-06-09", "2026-01-01", "not yet", "2026-06-07T23:30:00-02:00", None, 20260101]),
            "nickname": "Sparrow-of-the-files",
        }
        return {key: value for key, value in full.items() if self.rng.random() < 0.8}

    def lead(self) -> Lead:
        pick = self.rng.choice
        lead = self.make.lead(
            first_name="Zebulon", last_name="Quartermaine", phone="+49 30 5550199", phone_e164="+49305550199",
            job_title=pick(["VP Sales", "Head of IT", "Müller", "", "  ", "x\x1fy"]),
            seniority=pick(["vp", "staff", ""]),
            consent=pick(["unknown", "given"]),
            country=pick(["DE", "CH", ""]),
            company=pick([None, *self.companies]),
            first_campaign=pick([None, self.campaign]),
            product_interest=pick([None, self.product]),
            attributes=self.attributes(),
            stage=pick([Stage.PROSPECT, Stage.PROSPECT, Stage.SAL, Stage.WON]),
            engagement_from=pick([None, None, NOW - timedelta(days=20)]),
            created_at=NOW - timedelta(days=self.rng.randint(0, 300), seconds=self.rng.randint(0, 90_000)),
        )  # fmt: skip
        for _ in range(self.rng.randint(0, 6)):
            self.activity(lead)
        return lead

    def activity(self, lead: Lead, **fields: Any) -> Activity:
        pick = self.rng.choice
        at = NOW - timedelta(days=self.rng.randint(-2, 200), seconds=self.rng.randint(-40_000, 40_000))
        values = {
            "known_at": at + timedelta(days=pick([0, 0, 0, 3])),
            "asset": pick([None, self.asset]),
            "campaign": pick([None, self.campaign]),
        }
        return self.make.activity(lead, pick(KINDS_DONE), at, **values | fields)

    def case(self, lead: Lead) -> Case:
        case = freeze_case(
            lead,
            kind=CaseKind.DECISION,
            outcome=self.rng.choice(list(Outcome)),
            decided_at=NOW - timedelta(days=self.rng.randint(0, 100), seconds=self.rng.randint(0, 80_000)),
            reason=self.rng.choice([None, self.reason]),
            basis=self.rng.choice(["decision", "import"]),
            has_activity=self.rng.random() < 0.8,
        )
        return case

    def change_something(self) -> None:
        """One random change as a verb would leave it."""
        leads, cases = list(Lead.objects.order_by("pk")), list(Case.objects.order_by("pk"))
        lead, what = self.rng.choice(leads), self.rng.randint(0, 8)
        if what == 0:
            lead = self.lead()
        elif what == 1:
            self.activity(lead)
        elif what == 2:
            Lead.objects.filter(pk=lead.pk).update(attributes=self.attributes(), job_title=f"Title {self.rng.randint(0, 9)}")
        elif what == 3:
            Lead.objects.filter(pk=lead.pk).update(stage=self.rng.choice([Stage.PROSPECT, Stage.WON, Stage.DISQUALIFIED]))
        elif what == 4:
            Lead.objects.filter(pk=lead.pk).update(engagement_from=NOW - timedelta(days=5))
        elif what == 5 and cases:
            changed = self.rng.choice(cases)
            Case.objects.filter(pk=changed.pk).update(outcome=Outcome.WON, txid=Func(function="txid_current"))
        elif what == 6 and len(leads) > 3:
            lead.delete()
            return
        elif what == 7:
            company = self.rng.choice(self.companies)
            type(company).objects.filter(pk=company.pk).update(employees=self.rng.randint(1, 99))
            touch_revisions(list(Lead.objects.filter(company=company).values_list("pk", flat=True)))
        else:
            self.case(lead)
        touch_revisions([lead.pk])


@pytest.fixture
def world(make, catalogue):
    made = World(make, 7)
    for lead in [made.lead() for _ in range(25)]:
        for _ in range(made.rng.randint(0, 2)):
            made.case(lead)
    return made


def rows_of(segment: Segment) -> dict[int, tuple[Any, ...]]:
    """Facts and events of every row in words, by id."""
    kinds = segment.dictionaries[KINDS].values
    events: dict[int, list[Any]] = {int(one): [] for one in segment.ids}
    ages = segment.events.age.astype(int) - segment.base_day
    for row, kind, age, *rest in zip(
        segment.events.row, kinds_of(segment.events), ages, segment.events.lag, segment.events.asset, segment.events.campaign,
        strict=True,
    ):  # fmt: skip
        events[int(segment.ids[row])].append((kinds[kind], int(age), *map(int, rest)))
    found = {}
    for place, one in enumerate(segment.ids):
        facts = {}
        for key, column in segment.columns.items():
            value = column[place]
            if segment.fields[key] in CODED:
                value = None if value < 0 else segment.dictionaries[key].values[value]
            facts[key] = None if value != value else value
        rest = [array[place] for array in (segment.leads, segment.decided, segment.flags) if array is not None]
        found[int(one)] = (facts, sorted(events[int(one)]), rest)
    return found


def content(snapshot: Snapshot) -> dict[str, Any]:
    cases: dict[int, Any] = {}
    for some in snapshot.cases:
        for place, (one, facts) in enumerate(rows_of(some.segment).items()):
            cases[one] = (facts, int(some.outcome[place]), int(some.reason[place]), int(some.counted[place]))
        assert list(some.segment.ids) == sorted(some.segment.ids)
    assert snapshot.leads.awaited is not None
    awaited = sorted(map(tuple, snapshot.leads.awaited.tolist()))
    return {"cases": cases, "leads": rows_of(snapshot.leads), "awaited": set(awaited)}


def everything():
    """A model that asks every field, kind, asset and campaign."""
    criteria = [
        a_test("vp", 3, clause("lead.job_title", "words", values=["vp", "müller"])),
        a_test("xy", 5, clause("lead.job_title", "in", values=["x y"])),
        a_test("senior", 7, clause("lead.seniority", "not_in", values=["vp"])),
        a_test("consent", 11, clause("lead.consent", "unknown")),
        a_test("country", 13, clause("lead.country", "not_in", values=["de"])),
        a_test("new", 17, clause("lead.created_at", "within_days", days=30)),
        a_test("fair", 19, clause("lead.first_campaign", "words", values=["fair 2026"])),
        a_test("product", 23, clause("lead.product_interest", "in", values=["crm"])),
        a_test("large", 29, clause("company.employees", "not_between", low=0, high=100)),
        a_test("revenue", 31, clause("company.revenue", "between", low=123_456_789_012_345)),
        a_test("industry", 37, clause("company.industry", "known")),
        a_test("customer", 41, clause("company.is_customer", "is", value=False)),
        a_test("note", 43, clause("custom.note", "part", values=["plä", "y"])),
        a_test("tier", 47, clause("custom.tier", "not_in", values=["a"])),
        a_test("wants", 53, clause("custom.wants", "has_none", values=["b"])),
        a_test("all", 59, clause("custom.wants", "has_all", values=["a", "c"])),
        a_test("seats", 61, clause("custom.seats", "between", low=0, high=12)),
        a_test("pilot", 67, clause("custom.pilot", "is", value=True)),
        a_test("ends", 71, clause("custom.ends", "older_than", days=1)),
        a_test("none", 73, {"event": {"kinds": ["whitepaper"]}, "days": 90, "at_most": 0}),
        a_tally("own", 79, "something_own", days=60, award="each", freq_max=2, half_life=10),
        a_tally("asset", 83, award="each") | {"event": {"assets": [Asset.objects.get().pk]}},
        a_tally("campaign", 89, award="each")
        | {"event": {"campaigns": [Campaign.objects.get().pk], "kinds": ["webinar_attended"]}},
    ]
    scope = when(clause("company.is_competitor", "is", value=False), clause("company.is_competitor", "unknown"), mode="any")
    return read_spec(model(*criteria, scope=scope), load_registry())


def assert_as_by_the_reference(snapshot: Snapshot) -> None:
    spec = everything()
    facts = load_facts(snapshot.leads.ids.tolist())
    assert told(spec, snapshot.leads) == [
        said(spec, reference(spec, facts[one], snapshot.as_of)) for one in snapshot.leads.ids.tolist()
    ]
    for some in snapshot.cases:
        cases = Case.objects.in_bulk(some.segment.ids.tolist())
        known = load_case_facts(cases.values())
        expected = [said(spec, reference(spec, known[one], cases[one].decided_at)) for one in some.segment.ids.tolist()]
        assert told(spec, some.segment) == expected


def test_what_is_read_from_the_database_is_scored_as_by_the_reference(world):
    assert_as_by_the_reference(building.rebuild())


def test_all_open_leads_and_all_cases_are_there(world):
    snapshot = building.refresh()
    assert snapshot.leads.ids.tolist() == sorted(Lead.objects.exclude(stage=Stage.WON).values_list("pk", flat=True))
    assert snapshot.case_count == Case.objects.count() > 5
    assert {len(some.segment) for some in snapshot.cases} == {Case.objects.count()}
    for some in snapshot.cases:
        rows = Case.objects.in_bulk(some.segment.ids.tolist())
        assert [OUTCOMES[code] for code in some.outcome] == [rows[one].outcome for one in some.segment.ids.tolist()]
        assert [one or None for one in some.reason] == [rows[one].reason_id for one in some.segment.ids.tolist()]


def test_one_case_stands_for_each_lead(world):
    """The latest labelled one, of leads that have none the latest; and the same among dated cases alone."""
    for number, lead in enumerate(Lead.objects.order_by("pk")):
        if number % 3 == 0:
            outcome = (Outcome.WON, Outcome.UNKNOWN, Outcome.WORKING)[number % 9 // 3]
            Case.objects.create(lead=lead, kind="imported", basis="import", facts={}, decided_at=NOW, outcome=outcome)
    snapshot = building.refresh()
    for goal in GOALS:
        for dated in (False, True):
            expected: dict[bool, set[int]] = {True: set(), False: set()}
            some = Case.objects.filter(basis="decision") if dated else Case.objects.all()
            for lead in set(some.values_list("lead", flat=True)):
                labelled = some.filter(lead=lead, outcome__in=LABELLED[goal])
                last = (labelled if labelled else some.filter(lead=lead)).order_by("-decided_at", "-pk").first()
                expected[bool(labelled)].add(last.pk)
            for labelled in (True, False):
                bit = counted_bit(goal, labelled=labelled, dated=dated)
                found = [pk for one in snapshot.cases for pk in one.segment.ids[(one.counted & bit) != 0].tolist()]
                assert sorted(found) == sorted(expected[labelled])
    assert expected[True]
    assert expected[False]


def test_a_rebuild_changes_nothing(world):
    first = content(building.refresh())
    assert content(building.rebuild()) == first


@pytest.mark.parametrize("seed", range(4))
def test_a_refresh_after_changes_is_a_rebuild(world, seed, monkeypatch, clock):
    monkeypatch.setattr(building, "SEALED", 8)  # several segments, some sealed
    monkeypatch.setattr(building, "FEW", 6 if seed % 2 else 1000)  # what was read again is put together now and then, or never
    monkeypatch.setattr(reading, "AT_ONCE", 7)
    world.rng.seed(seed)
    building.refresh()
    for _ in range(3):
        for _ in range(world.rng.randint(1, 6)):
            world.change_something()
        clock.advance(timedelta(hours=world.rng.choice([0, 1, 30])))
        refreshed = building.refresh()
        assert_as_by_the_reference(refreshed)
    found = content(refreshed)
    assert found == content(building.rebuild())


def test_days_later_the_leads_are_judged_as_of_then(world):
    snapshot = building.refresh()
    spec = everything()
    later = snapshot.as_of + timedelta(days=6)
    facts = load_facts(snapshot.leads.ids.tolist())
    for key, one in facts.items():
        known = [event for event in one.events if max(event.occurred_at, event.known_at) <= snapshot.as_of]
        facts[key] = replace(one, events=known)
    expected = [said(spec, reference(spec, facts[one], later)) for one in snapshot.leads.ids.tolist()]
    assert told(spec, snapshot.leads, day_of(later)) == expected


def test_facts_of_a_decided_case_stay_as_they_were(world):
    before = content(building.refresh())["cases"]
    Lead.objects.update(job_title="Somebody else")
    for company in world.companies:
        type(company).objects.filter(pk=company.pk).update(employees=1)
    touch_revisions(list(Lead.objects.values_list("pk", flat=True)))
    assert content(building.refresh())["cases"] == before


def test_a_trusted_import_reaches_a_sealed_case_and_a_late_record_does_not(world, monkeypatch):
    monkeypatch.setattr(building, "SEALED", 1)
    lead = world.make.lead()
    case = freeze_case(lead, kind=CaseKind.DECISION, outcome=Outcome.WON, decided_at=NOW - timedelta(days=1))
    before = content(building.refresh())["cases"]
    world.make.activity(lead, "whitepaper", NOW - timedelta(days=3), known_at=NOW)
    touch_revisions([lead.pk])
    assert content(building.refresh())["cases"] == before
    world.make.activity(lead, "whitepaper", NOW - timedelta(days=3))
    touch_revisions([lead.pk])
    after = content(building.refresh())["cases"]
    assert after[case.pk][0][1] == [("whitepaper", 2, 0, 0, 0)]
    assert {key: after[key] for key in after if key != case.pk} == {key: before[key] for key in before if key != case.pk}


def test_an_event_that_was_ahead_counts_once_its_time_has_come(make, db, clock):
    lead = make.lead()
    make.activity(lead, "demo_request", NOW + timedelta(hours=2))
    spec = read_spec(model(a_tally("demo", 5, "demo_request")), load_registry())
    assert evaluate(spec, building.refresh().leads, cache=ColumnCache(0)).engagement.tolist() == [0]
    clock.advance(timedelta(hours=3))
    assert evaluate(spec, building.refresh().leads, cache=ColumnCache(0)).engagement.tolist() == [5]


def test_nothing_changed_makes_no_new_generation(world):
    first = building.refresh()
    touch_revisions(list(Lead.objects.values_list("pk", flat=True)))
    assert building.refresh().number == first.number
    world.make.activity(Lead.objects.exclude(stage=Stage.WON)[0], "whitepaper", NOW + timedelta(days=1))
    assert building.refresh().number == first.number + 1


def test_codes_mean_the_same_in_every_generation(world):
    first = building.refresh()
    for _ in range(8):
        world.change_something()
    second = building.refresh()
    for key, dictionary in first.dictionaries.items():
        assert second.dictionaries[key].values[: len(dictionary)] == dictionary.values
    assert any(len(second.dictionaries[key]) > len(one) for key, one in first.dictionaries.items())


def everything_in_files(folder) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_names_addresses_phones_and_personal_fields_never_enter(world, folder):
    building.refresh()
    found = everything_in_files(folder).lower()
    assert b"maschinenbau" in found
    for word in (b"zebulon", b"quartermaine", b"@company", b"5550199", b"sparrow"):
        assert word not in found
    assert oct(folder.stat().st_mode)[-3:] == "700"


def test_a_field_made_personal_leaves_the_files(world, folder):
    building.refresh()
    assert "grosse pläne".encode() in everything_in_files(folder)
    LeadField.objects.filter(key="note").update(personal=True)
    with pytest.raises(NotInSnapshot, match=r"custom\.note"):
        evaluate(everything(), building.refresh().leads)
    assert "grosse pläne".encode() not in everything_in_files(folder)


def test_who_is_erased_leaves_every_file_and_the_case_still_counts(world, folder):
    lead = world.make.lead(job_title="Keeper of Xylophones", attributes={"note": "plays xylophones"})
    world.make.activity(lead, "whitepaper", NOW - timedelta(days=9))
    case = freeze_case(lead, kind=CaseKind.DECISION, outcome=Outcome.LOST, decided_at=NOW)
    building.refresh()
    world.make.lead()
    building.refresh()
    assert b"xylophones" in everything_in_files(folder)
    assert len(list((folder / "gen").iterdir())) == 2
    Lead.objects.filter(pk=lead.pk).update(job_title="", attributes={})
    Case.objects.filter(pk=case.pk).update(facts={})
    Activity.objects.filter(lead=lead).delete()
    snapshot = building.erase_lead(lead.pk)
    assert b"xylophones" not in everything_in_files(folder)
    assert len(list((folder / "gen").iterdir())) == 1
    rows = content(snapshot)
    assert rows["cases"][case.pk][0][1] == []
    assert {value for value in rows["cases"][case.pk][0][0].values() if value is not None} <= {-1, -(2**31)}
    assert snapshot.case_count == Case.objects.count()
    assert rows == content(building.rebuild())


def test_erasing_a_person_reaches_the_files_when_it_is_committed(world, folder, django_capture_on_commit_callbacks):
    lead = world.make.lead(job_title="Keeper of Xylophones")
    building.refresh()
    with django_capture_on_commit_callbacks(execute=True):
        Lead.objects.filter(pk=lead.pk).update(job_title="")
        forget_erased(lead, None)
        assert b"xylophones" in everything_in_files(folder)
    assert b"xylophones" not in everything_in_files(folder)


def test_each_night_forgets_values_that_no_row_has(world, folder):
    lead = world.make.lead(job_title="Keeper of Xylophones")
    before = building.refresh()
    Lead.objects.filter(pk=lead.pk).update(job_title="Other")
    touch_revisions([lead.pk])
    building.refresh()
    assert b"xylophones" in everything_in_files(folder)
    after = building.reread_leads()
    assert b"xylophones" not in everything_in_files(folder)
    assert_as_by_the_reference(after)
    code = before.dictionaries["lead.job_title"].find(" keeper of xylophones ")
    assert after.dictionaries["lead.job_title"].values[code] is None


def test_erasing_without_a_snapshot_makes_none(db, folder):
    assert building.erase_lead(5) is None
    assert not folder.exists()


def test_a_reader_keeps_its_generation_while_others_come_and_go(world, folder):
    held = current_snapshot() or building.refresh()
    before = content(held)
    for _ in range(3):
        for _ in range(3):
            world.change_something()
        building.refresh()
    building.rebuild()
    assert content(held) == before
    assert [path.name for path in (folder / "gen").iterdir()] == ["000005"]
    newest = current_snapshot()
    assert newest.number == 5
    assert current_snapshot() is newest


def test_what_was_let_go_is_there_when_asked_again(world):
    made = building.refresh()
    before = content(made)
    made.let_go()
    reader = open_snapshot(snapshot_folder())

    def resident() -> int:
        """Kilobytes of segments' files in this process's memory."""
        of_segments, found = False, 0
        for line in Path("/proc/self/smaps").read_text().splitlines():
            if "-" in line.split()[0]:
                of_segments = f"{reader.folder}/seg/" in line
            elif of_segments and line.startswith("Rss:"):
                found += int(line.split()[1])
        return found

    assert content(reader) == before
    assert resident() > 0
    reader.let_go()
    assert resident() == 0
    assert content(reader) == before


def test_a_reader_takes_unchanged_segments_along(world, monkeypatch):
    monkeypatch.setattr(building, "SEALED", 5)
    building.refresh()
    first = current_snapshot()
    world.lead()
    building.refresh()
    second = current_snapshot()
    assert second.number > first.number
    assert first.cases[0].segment.ids is second.cases[0].segment.ids
    assert first.leads.ids is not second.leads.ids
    assert first.dictionaries["lead.consent"] is second.dictionaries["lead.consent"]


def test_a_refresh_writes_what_changed_and_nothing_else(world, folder):
    leads = list(Lead.objects.exclude(stage=Stage.WON).order_by("pk"))
    first = building.refresh()
    held = {path: path.stat().st_mtime_ns for path in folder.rglob("*.bin")}
    Lead.objects.filter(pk=leads[0].pk).update(job_title="Title of today")
    leads[1].delete()
    touch_revisions([lead.pk for lead in leads if lead.pk != leads[1].pk])  # most of them for nothing
    second = building.refresh()
    assert [len(one) for one in second.open] == [len(leads), 1]
    assert second.open[0].valid_count == len(leads) - 2
    assert second.open_count == len(leads) - 1 == len(second.leads)
    assert {path: path.stat().st_mtime_ns for path in held} == held
    fresh = sorted(path.relative_to(folder).parts[0] for path in folder.rglob("*.bin") if path not in held)
    assert fresh == ["gen", "seg"]  # which leads are stale, and who changed
    assert second.open[0].key == first.leads.key
    assert content(second) == content(building.rebuild())


def test_what_is_mapped_cannot_be_written(world):
    snapshot = building.refresh()
    with pytest.raises(ValueError, match="read-only"):
        snapshot.leads.ids[0] = 1


def test_a_restored_database_is_read_anew(world, monkeypatch):
    first = building.refresh()
    monkeypatch.setattr(Mark, "now", lambda: Mark("3:3:"))
    second = building.refresh()
    assert second.number == first.number + 1
    assert not {some.segment.key for some in second.cases} & {some.segment.key for some in first.cases}
    assert second.mark.oldest == 3


@pytest.mark.parametrize(
    ("taken", "held"), [("5:9:5,7", "5:9:5,6,7"), ("7:9:7", "6:9:6,7"), ("5:5:", "5:5:"), ("6:9:6", "6:9:6")]
)
def test_what_the_builders_own_transaction_wrote_is_not_behind_its_mark(db, taken, held):
    assert Mark(taken).without(6) == Mark(held)
    query = sql.SQL("SELECT array_agg(txid) FROM generate_series(1::bigint, 10) AS txid WHERE {}").format(Mark(held).is_passed)
    with connection.cursor() as cursor:
        passed = set(cursor.execute(query).fetchone()[0])
    assert 6 in passed
    assert set((np.flatnonzero(Mark(held).passed_by(np.arange(1, 11))) + 1).tolist()) == passed
    assert passed == {
        number for number in range(1, 11) if number >= int(held.split(":")[1]) or str(number) in held.split(":")[2].split(",")
    }


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


DAMAGE = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-3]),
    "gone": lambda path: path.unlink(),
    "flipped": lambda path: path.write_bytes(_flipped(path.read_bytes())),
}


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("what", ["CURRENT", "gen/*/manifest.json", "seg/*.bin", "gen/*/*.bin", "dict/*/*.json"])
def test_a_damaged_or_missing_file_is_built_anew(world, folder, what, how):
    before = content(building.refresh())
    DAMAGE[how](sorted(folder.glob(what))[-1])
    after = building.refresh()
    assert content(after) == before
    files.verify(folder, after.manifest)
    assert len(list((folder / "gen").iterdir())) == 1


@pytest.mark.parametrize("what", ["seg/*.bin", "gen/*/*.bin", "gen/*/manifest.json", "dict/*/*.json"])
def test_a_reader_says_so_when_a_file_is_cut(world, folder, what):
    building.refresh()
    DAMAGE["cut"](sorted(folder.glob(what))[-1])
    with pytest.raises(files.Damaged):
        open_snapshot(folder)


def test_another_builder_has_to_wait(db, folder):
    with files.builders_lock(folder), pytest.raises(files.Busy):
        building.refresh(wait=False)
    assert building.refresh(wait=False).number == 1


def test_progress_is_told(world, monkeypatch):
    monkeypatch.setattr(reading, "AT_ONCE", 10)
    heard = []
    building.rebuild(progress=lambda done, total: heard.append((done, total)))
    assert heard[-1][0] == heard[-1][1]
    assert len(heard) > 3
