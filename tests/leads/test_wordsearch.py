"""Search by words or beginnings of words: what is found, and that nothing typed can break it."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leads.models import Lead
from leads.wordsearch import MOST_WORDS, matching, words_of

pytestmark = pytest.mark.django_db


def found(text):
    return set(matching(Lead.objects.all(), text).values_list("last_name", flat=True))


@pytest.fixture
def people(make):
    north = make.company("Nordström & Söhne GmbH")
    make.lead("ivy.okafor@freight.test", first_name="Ivy", last_name="Okafor", company=north)
    make.lead("bjoern@x.test", first_name="Björn", last_name="Müller")
    make.lead("kate@x.test", first_name="Kate", last_name="O'Neill-Özil")
    make.lead("c@x.test", first_name="Cy", last_name="C++ Smith")


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("oka", {"Okafor"}),
        ("IVY OKA", {"Okafor"}),
        ("okafor ivy", {"Okafor"}),
        ("kafor", set()),
        ("müll", {"Müller"}),
        ("MÜLLER björn", {"Müller"}),
        ("nordström söh", {"Okafor"}),
        ("o'neill", {"O'Neill-Özil"}),
        ("neill özil", {"O'Neill-Özil"}),
        ("ivy.okafor@freight.test", {"Okafor"}),
        ("c++", {"C++ Smith"}),
        ("", {"Okafor", "Müller", "O'Neill-Özil", "C++ Smith"}),
        ("   ", {"Okafor", "Müller", "O'Neill-Özil", "C++ Smith"}),
        ("%", set()),
        (":*", set()),
        ("' & |", set()),
        ("ivy & !okafor", {"Okafor"}),
        ("ok%r", set()),
    ],
)
def test_every_word_must_begin_a_word_of_the_lead(people, typed, names):
    assert found(typed) == names


def test_a_single_plain_letter_is_a_word_of_its_own(people):
    assert found("i") == set()
    assert found("o neill") == {"O'Neill-Özil"}


@pytest.mark.parametrize(
    "text", ["x" * 1000, "wort " * 200, "a" * 5000, "\\", "\\'", "')); DROP TABLE leads_lead; --", "＇", "𝒜 𝒷", "\u202e", "1e5:*"]
)
def test_nothing_typed_breaks_the_search(people, text):
    assert found(text) == set()
    assert Lead.objects.count() == 4


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60))
def test_any_text_becomes_a_query(db, text):
    assert len(words_of(text)) <= MOST_WORDS
    assert list(matching(Lead.objects.all(), text)) == []
