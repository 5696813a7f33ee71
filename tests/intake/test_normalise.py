"""What people type, as the portal keeps it."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from leads import normalise
from leads.normalise import Misfit


@pytest.mark.parametrize(
    ("text", "key", "usable", "problem"),
    [
        ("Ivy.Okafor@Okafor-Werke.DE", "ivy.okafor@okafor-werke.de", True, ""),
        ("winnie-the-pooh@hundred_acre_wood.org", "winnie-the-pooh@hundred_acre_wood.org", False, "bad"),
        ("  ivy+news@firma.de ", "ivy+news@firma.de", True, ""),
        ("j\u00fcrgen@m\u00fcller.de", "j\u00fcrgen@m\u00fcller.de", True, ""),
        ("a..b@firma.de", "a..b@firma.de", False, "bad"),
        ("ivy@localhost", "ivy@localhost", False, "bad"),
        ("ivy@firma", "ivy@firma", False, "bad"),
        ("ivyfirma.de", "ivyfirma.de", False, "bad"),
        ("someone@mailinator.com", "someone@mailinator.com", False, "disposable"),
        ("someone@sub.mailinator.com", "someone@sub.mailinator.com", False, "disposable"),
        ("none", "", False, "bad"),
        ("n/a", "", False, "bad"),
        ("Ivy Okafor", "", False, "bad"),
        ("@firma.de", "", False, "bad"),
        ("", "", False, ""),
    ],
)
def test_an_address_is_judged_by_its_syntax_alone(text, key, usable, problem):
    found = normalise.email(text)
    assert (found.key, found.usable, found.problem) == (key, usable, problem)


def test_free_mail_is_known():
    assert normalise.email("ivy@gmail.com").is_free
    assert normalise.email("ivy@GMX.de").is_free
    assert not normalise.email("ivy@okafor-werke.de").is_free
    assert normalise.is_free_mail("gmail.com")


locals_ = st.from_regex(r"[A-Za-z0-9._+!#'-]{1,12}", fullmatch=True)
domains = st.from_regex(r"[a-z0-9_-]{1,8}\.(de|com|co\.uk|x)", fullmatch=True)


@given(locals_, domains)
def test_the_short_way_and_the_whole_validation_agree(local, name):
    address = f"{local}@{name}"
    try:
        validate_email(address, check_deliverability=False)
        valid = True
    except EmailNotValidError:
        valid = False
    found = normalise.email(address)
    assert (found.problem != "bad") == valid


@pytest.mark.parametrize(
    ("text", "country", "e164"),
    [
        ("030 901820", "DE", "+4930901820"),
        ("+49 (30) 901820", "", "+4930901820"),
        ("0049 30 901820", "US", "+4930901820"),
        ("tel:+44 20 7946 0958", "", "+442079460958"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("12", "DE", ""),
        ("030 901820", "", ""),
        ("call me", "DE", ""),
        ("", "DE", ""),
        ("+49301795346745000", "", ""),
        ("1" * 400, "DE", ""),
    ],
)
def test_a_phone_number_is_read_in_its_country(text, country, e164):
    found = normalise.phone(text, country)
    assert (found.e164, found.usable) == (e164, bool(e164))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("DE", "DE"),
        ("de", "DE"),
        ("Germany", "DE"),
        ("Deutschland", "DE"),
        ("Allemagne", "DE"),
        ("Alemania", "DE"),
        ("UK", "GB"),
        ("United Kingdom", "GB"),
        ("England", "GB"),
        ("U.S.A.", "US"),
        ("United States", "US"),
        ("\u00d6sterreich", "AT"),
        ("Suisse", "CH"),
        ("Espa\u00f1a", "ES"),
        ("Czech Republic", "CZ"),
        ("unknown", None),
        ("Asia/Pacific Region", None),
        ("", None),
        ("XX", None),
    ],
)
def test_a_country_is_known_by_code_and_by_name_in_several_languages(text, code):
    assert normalise.country(text) == code


def test_a_language_is_a_tag_or_a_name():
    assert [normalise.language(text) for text in ("de", "pt_BR", "German", "Espa\u00f1ol", "1337", "")] == [
        "de",
        "pt-br",
        "de",
        "es",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("title", "seniority", "department"),
    [
        ("International Sales Manager", "manager", "sales"),
        ("Intern", "intern", "other"),
        ("MVP of the year", "staff", "other"),
        ("VP Sales", "vp", "sales"),
        ("Vice President, Marketing", "vp", "marketing"),
        ("Internal Auditor", "staff", "finance"),
        ("Head of IT", "director", "it"),
        ("CEO", "c_level", "executive"),
        ("Co-Founder & CEO", "owner", "executive"),
        ("Chief Marketing Officer", "c_level", "marketing"),
        ("Assistant to the CEO", "staff", "executive"),
        ("Product Owner", "staff", "engineering"),
        ("Senior Software Engineer", "staff", "engineering"),
        ("Buyer", "staff", "purchasing"),
        ("Gesch\u00e4ftsf\u00fchrer", "c_level", "executive"),
        ("Geschaeftsfuehrerin", "c_level", "executive"),
        ("Vertriebsleiterin", "director", "sales"),
        ("Teamleiter Einkauf", "manager", "purchasing"),
        ("Praktikantin Marketing", "intern", "marketing"),
        ("IT-Leiter", "director", "it"),
        ("Leiter Personal", "director", "hr"),
        ("Directeur g\u00e9n\u00e9ral", "c_level", "executive"),
        ("Directrice marketing", "director", "marketing"),
        ("Responsable achats", "manager", "purchasing"),
        ("Stagiaire RH", "intern", "hr"),
        ("Jefe de ventas", "director", "sales"),
        ("Director General", "c_level", "executive"),
        ("Becaria de comunicaci\u00f3n", "intern", "marketing"),
        ("Ingeniero de software", "staff", "engineering"),
        ("Kundenberater", "staff", "sales"),
        ("HR Business Partner", "staff", "hr"),
        ("Head of R&D", "director", "research"),
        ("General Counsel", "staff", "legal"),
        ("  ", "", ""),
    ],
)
def test_a_title_tells_rank_and_line_of_work(title, seniority, department):
    assert normalise.title(title) == (seniority, department)


words = st.lists(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=9), min_size=1, max_size=4)


@given(words, st.sampled_from(["intern", "vp", "ceo", "head"]), st.sampled_from("bdfgkz"))
def test_a_word_within_a_word_tells_nothing(around, word, letter):
    """Putting a word inside a longer one leaves the judgement of the rest as it is."""
    rest = [one for one in around if normalise.title(one)[0] == "staff"]
    inside = f"{letter}{word}{letter}q"
    assert normalise.title(" ".join([*rest, inside])) == normalise.title(" ".join([*rest, f"{letter}zzz{letter}q"]))


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("https://www.Okafor-Werke.de/about?x=1", "okafor-werke.de"),
        ("okafor.de", "okafor.de"),
        ("http://me@okafor.de:8080", "okafor.de"),
        ("m\u00fcller.de", "m\u00fcller.de"),
        ("okafor", ""),
        ("1.2.3.4", ""),
        ("a b.de", ""),
        ("-.de", ""),
        ("", ""),
    ],
)
def test_a_domain_is_found_in_an_address_of_the_web(text, domain):
    assert normalise.domain(text) == domain


def test_numbers_are_exact_and_at_most_fifteen_digits():
    assert [normalise.number(value) for value in (5, 12.5, 0.1, "1200.50", Decimal("7"))] == [
        5,
        Decimal("12.5"),
        Decimal("0.1"),
        Decimal("1200.50"),
        7,
    ]
    assert normalise.number(0.1 + 0.2) == Decimal("0.3")
    for value in (True, None, [], "many", 10**15, float("inf"), float("nan"), Decimal("NaN"), Decimal("1.0000000000000001")):
        with pytest.raises(Misfit):
            normalise.number(value)


def test_yes_and_no_are_read_in_words():
    assert [normalise.boolean(value) for value in (True, False, "Yes", "no", 1, "0", "ja")] == [
        True,
        False,
        True,
        False,
        True,
        False,
        True,
    ]
    for value in (2, "perhaps", None, 0.5):
        with pytest.raises(Misfit):
            normalise.boolean(value)


def test_times_end_up_in_utc():
    at = datetime(2026, 6, 8, 9, tzinfo=UTC)
    assert normalise.date_time("2026-06-08T11:00:00+02:00") == at
    assert (
        normalise.date_only("2026-06-08") == normalise.date_only(at) == normalise.date_only(date(2026, 6, 8)) == date(2026, 6, 8)
    )
    for value in (datetime(2026, 6, 8), "tomorrow", 5):  # noqa: DTZ001
        with pytest.raises(Misfit):
            normalise.date_time(value)
