"""Raw texts to columns: at once and one by one, together and alone, with care and without, the same is read."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leads.choices import FieldType
from leads.lib.folding import fold, fold_all
from scoring.operators import READERS
from scoring.snapshot.coding import PART, ROW, Ambiguous, Bundle, alone, bundled, coders
from scoring.snapshot.dictionaries import Dictionary
from scoring.snapshot.segment import CODED, Array

FIELDS = {f"custom.{kind}": kind for kind in FieldType}
_texts = st.sampled_from(
    ["a", "B c", "365", "-1", "[x", "true", "null", "NaN", '"q"', "2026-01-01", "Straße", f"x{ROW}y", f"x{PART}y"]
)
_facts = st.one_of(
    st.none(), _texts, st.text(max_size=3), st.booleans(), st.integers(-9, 9), st.just(2.5), st.lists(_texts, max_size=2)
)
_rows = st.lists(st.fixed_dictionaries(dict.fromkeys(FIELDS, _facts)), max_size=6)


@pytest.fixture(autouse=True, scope="module")
def tables() -> None:
    """The first text a process draws waits for tables of all letters: that is no slowness of what is drawn here."""

    @settings(max_examples=1, suppress_health_check=list(HealthCheck))
    @given(st.text())
    def draw(_: str) -> None:
        pass

    draw()


def sent(fact: object, *, as_json: bool) -> str:
    """A fact as the database sends it."""
    if fact is None:
        return ""
    return fact if isinstance(fact, str) and not as_json else json.dumps(fact)


def packed(bundle: Bundle, rows: list[dict[str, Any]]) -> str | None:
    texts = [PART.join(sent(row[key], as_json=one.as_json) for key, one in bundle.coders.items()) for row in rows]
    return ROW.join(texts) if rows else None


def values(columns: dict[str, Array], dictionaries: dict[str, Dictionary]) -> dict[str, list[Any]]:
    """Columns in words: values by the dictionary, and None for unknown."""
    found = {}
    for key, column in columns.items():
        numbers = column.tolist()
        if FIELDS[key] in CODED:
            found[key] = [None if one == -1 else dictionaries[key].values[one] for one in numbers]
        else:
            found[key] = [None if one != one or one in (-(2**31), -1) else one for one in numbers]
    return found


@given(_rows)
def test_facts_are_read_as_the_reference_reads_them_or_asked_for_with_care(rows: list[dict[str, Any]]) -> None:
    expected = {key: [READERS[kind](row[key]) for row in rows] for key, kind in FIELDS.items()}
    expected = {
        key: [tuple(sorted(one)) if isinstance(one, frozenset) else one for one in some] for key, some in expected.items()
    }
    careful: set[str] = set()
    while True:
        dictionaries: dict[str, Dictionary] = {}
        facts = coders(FIELDS, dictionaries, of_facts=True, careful=careful)
        try:
            lone = {key: one for some in alone(facts) for key, one in some.columns(packed(some, rows), len(rows)).items()}
            together = bundled(facts, lone)
            again = {key: one for some in together for key, one in some.columns(packed(some, rows), len(rows)).items()}
        except Ambiguous as problem:
            if problem.keys <= careful:
                raise
            careful |= problem.keys
            continue
        break
    for columns in (lone, again):
        found = values(columns, dictionaries)
        for key, some in expected.items():
            if FIELDS[key] == FieldType.NUMBER:  # -1 is a number here
                assert [None if one != one else one for one in columns[key].tolist()] == some
            else:
                assert found[key] == some


def test_what_reads_as_another_value_is_asked_for_with_care() -> None:
    for text, kind in (
        ("365", FieldType.TEXT),
        ("true", FieldType.CHOICE),
        ("[1]", FieldType.TEXT),
        ("20260101", FieldType.DATE),
    ):
        (bundle,) = alone(coders({"custom.x": kind}, {}, of_facts=True))
        with pytest.raises(Ambiguous):
            bundle.columns(text, 1)
    (bundle,) = alone(coders({"lead.job_title": FieldType.TEXT}, {}, of_facts=False))
    assert bundle.columns("365", 1)["lead.job_title"].tolist() == [0]  # a column of texts holds nothing else


@given(st.lists(st.text(alphabet="aB 9.+_\n\t-é#ßＶ", max_size=5), max_size=6))
def test_texts_are_folded_at_once_as_one_by_one(texts: list[str]) -> None:
    assert fold_all(texts) == [fold(text) for text in texts]
