"""The lead list: what is shown to whom, in which order, in how many queries."""

from datetime import timedelta

import pytest
from django.core.paginator import EmptyPage
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leads.models import Lead, LeadField
from leads.paging import BoundedPaginator
from leads.slots import LeadColumn, slots
from tests.builders import LONG_AGO

pytestmark = pytest.mark.django_db


def names(response):
    return [row.lead.first_name for row in response.context["page"].object_list]


def test_newest_first_with_all_columns(cast, client_of, make):
    make.lead(first_name="Old", company=make.company("Northwind"), job_title="CMO", first_source="Webinar", owner=cast.rep)
    make.lead(first_name="New", created_at=LONG_AGO + timedelta(days=1))
    response = client_of(cast.marketer).get("/leads/")
    assert names(response) == ["New", "Old"]
    for text in ("Northwind", "CMO", "Webinar", "Rita Rep", "Prospect", "2 leads"):
        assert text in response.content.decode()


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("rep", {"mine"}),
        ("other_rep", {"theirs"}),
        ("manager", {"mine", "theirs"}),
        ("marketer", {"mine", "theirs", "free"}),
        ("head_of_sales", {"mine", "theirs", "free"}),
        ("admin", {"mine", "theirs", "free"}),
    ],
)
def test_everybody_sees_what_their_role_allows(cast, client_of, make, who, seen):
    make.lead(first_name="mine", owner=cast.rep)
    make.lead(first_name="theirs", owner=cast.other_rep)
    make.lead(first_name="free")
    assert set(names(client_of(getattr(cast, who)).get("/leads/"))) == seen


def test_outsiders_and_strangers_are_sent_to_the_door(cast, client_of):
    for user in (cast.outsider, None):
        response = client_of(user).get("/leads/")
        assert response.status_code == 302
        assert "/login/" in response["Location"]


def test_htmx_gets_the_table_with_fresh_chips_and_nothing_else(cast, client_of, make):
    make.lead()
    response = client_of(cast.marketer).get("/leads/?stage=prospect&sort=name", headers={"HX-Request": "true"})
    page = response.content.decode()
    assert page.lstrip().startswith('<div id="lead-table"')
    assert 'id="filter-chips"' in page
    assert 'hx-swap-oob="true"' in page
    assert "<html" not in page
    assert "HX-Request" in response["Vary"]
    restored = client_of(cast.marketer).get(
        "/leads/?stage=prospect", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"}
    )
    assert "<html" in restored.content.decode()
    assert restored.content.decode().count('id="filter-chips"') == 1


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("name", ["b", "a", "c"]),
        ("-name", ["c", "a", "b"]),
        ("company", ["b", "c", "a"]),
        ("-company", ["c", "b", "a"]),
        ("stage", ["b", "c", "a"]),
        ("-stage", ["a", "c", "b"]),
        ("title", ["c", "b", "a"]),
        ("source", ["c", "b", "a"]),
        ("-source", ["a", "b", "c"]),
        ("owner", ["a", "b", "c"]),
        ("created", ["a", "b", "c"]),
        ("-created", ["c", "b", "a"]),
        ("nonsense", ["c", "b", "a"]),
        ("-id;drop", ["c", "b", "a"]),
    ],
)
def test_sorted_by_the_column_the_address_names(cast, client_of, make, sort, order):
    day = timedelta(days=1)
    make.lead(first_name="a", last_name="Mole", job_title="x", stage="won", first_source="z", owner=cast.other_rep)
    make.lead(
        first_name="b",
        last_name="Ant",
        company=make.company("Zebra"),
        stage="inquiry",
        job_title="b",
        first_source="y",
        owner=cast.rep,
        created_at=LONG_AGO + day,
    )
    make.lead(
        first_name="c",
        last_name="Zorro",
        company=make.company("Zwei Äpfel"),
        stage="mql",
        job_title="a",
        created_at=LONG_AGO + 2 * day,
    )
    assert names(client_of(cast.marketer).get("/leads/", {"sort": sort})) == order


def test_long_lists_are_sorted_only_by_what_is_quick(cast, client_of, make, monkeypatch):
    monkeypatch.setattr("leads.listing.PAGE_SIZE", 2)
    monkeypatch.setattr(BoundedPaginator.__init__, "__kwdefaults__", {"limit": 2})
    for number, title in enumerate("cab"):
        make.lead(first_name=title, last_name=title, job_title=title, created_at=LONG_AGO + timedelta(days=number))
    browser = client_of(cast.marketer)
    response = browser.get("/leads/?sort=title")
    assert names(response) == ["b", "a"]
    assert "Narrow the list to sort it by title" in response.content.decode()
    assert names(browser.get("/leads/?sort=name")) == ["a", "b"]
    assert names(browser.get("/leads/?sort=title&q=c")) == ["c"]
    # The end of the pages says so, a page beyond it is named, and all are counted when somebody asks.
    page = browser.get("/leads/?page=7").content.decode()
    assert "There is no page 7: this is the last one, 1." in page
    assert "1 to 2 of" not in page  # one page
    assert "The pages show the first" in page
    assert "Count them all" in page
    counted = browser.get("/leads/?total=1").content.decode()
    assert "3 leads" in counted
    assert "Count them all" not in counted
    Lead.objects.filter(job_title="c").update(owner=cast.rep)
    assert names(browser.get("/leads/?sort=owner")) == ["c", "b"]
    monkeypatch.setattr("leads.listing.MOST_PLACED", 2)
    refused = browser.get("/leads/?sort=owner")
    assert names(refused) == ["b", "a"]
    assert "More than 2 leads match. Narrow the list to sort it by owner" in refused.content.decode()


def test_pages_hold_every_lead_once_even_when_all_are_alike(cast, client_of, make):
    for _ in range(115):
        make.lead(last_name="Same")
    browser = client_of(cast.marketer)
    for sort in ("", "name", "company", "-stage", "owner"):
        ids = [
            row.lead.pk for number in (1, 2, 3) for row in browser.get("/leads/", {"sort": sort, "page": number}).context["page"]
        ]
        assert len(ids) == len(set(ids)) == 115


def test_a_lead_that_comes_in_between_moves_nobody_out_of_order(cast, client_of, make):
    for number in range(60):
        make.lead(created_at=LONG_AGO + timedelta(minutes=number))
    browser = client_of(cast.marketer)
    first = [row.lead.pk for row in browser.get("/leads/?sort=created").context["page"]]
    make.lead(created_at=LONG_AGO + timedelta(days=1))
    second = [row.lead.pk for row in browser.get("/leads/?sort=created&page=2").context["page"]]
    assert not set(first) & set(second)


@pytest.mark.parametrize("page", ["0", "-1", "x", "99999999999999999999", "2.5"])
def test_no_page_number_breaks_the_list(cast, client_of, make, page):
    make.lead()
    assert client_of(cast.marketer).get("/leads/", {"page": page}).status_code == 200


def test_the_count_stops_at_its_limit_and_so_do_pages(make):
    for _ in range(12):
        make.lead()
    pages = BoundedPaginator(Lead.objects.order_by("pk"), 5, limit=10)
    assert (pages.count, pages.is_cut, pages.num_pages) == (11, True, 2)
    assert (pages.page(2).start_index(), pages.page(2).end_index()) == (6, 10)
    assert [(pages.get_page(asked).number, pages.get_page(asked).beyond) for asked in ("2", "500", "x")] == [
        (2, None),
        (2, 500),
        (1, None),
    ]
    with pytest.raises(EmptyPage):
        pages.page(3)
    assert BoundedPaginator(Lead.objects.order_by("pk"), 5, limit=12).is_cut is False


def test_the_number_of_queries_does_not_hang_on_the_number_of_leads(cast, client_of, make):
    LeadField.objects.create(key="plan", label="Plan", type="choice", choices=["a"])
    browser = client_of(cast.marketer)
    counts = []
    for size in (1, 40):
        for _ in range(size):
            make.lead(company=make.company(), owner=cast.rep, first_source="Web", country="DE")
        browser.get("/leads/")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert browser.get("/leads/?sort=company&stage=prospect").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 16


def test_empty_lists_say_why_and_what_to_do(cast, client_of, make):
    marketer, rep = client_of(cast.marketer), client_of(cast.rep)
    assert "Import leads" in marketer.get("/leads/").content.decode()
    assert "as soon as you are responsible" in rep.get("/leads/").content.decode()
    make.lead()
    assert "No lead matches." in marketer.get("/leads/?q=nobodyhere").content.decode()


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\u202eevil\u202c name",
    "x" * 120,
    "👩‍💻 Ada 🚀",
    "zero\u200bwidth\u200djoin",
    "{{ settings.SECRET_KEY }}",
    "O'Neill & Söhne",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_shown_safely_whatever_they_contain(cast, client_of, make, name):
    company = make.company((name * 3)[:200])
    lead = make.lead(
        first_name=name, last_name=name, job_title=name, company=company, first_source=name[:80], attributes={"x": name}
    )
    LeadField.objects.create(key="x", label=name[:80], type="text")
    browser = client_of(cast.marketer)
    for address in ("/leads/", f"/leads/{lead.pk}/", f"/leads/{lead.pk}/edit/"):
        page = browser.get(address).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "accord-secret" not in page
    assert "<bdi" in browser.get("/leads/").content.decode()


def test_chips_name_what_is_set_and_take_it_away(cast, client_of, make):
    make.lead(first_source="Webinar")
    page = client_of(cast.marketer).get("/leads/?stage=prospect&source=Webinar&sort=name").content.decode()
    assert "Remove this filter" in page
    assert 'href="?source=Webinar&amp;sort=name"' in page
    assert "Clear filters" in page


def test_a_column_of_a_layer_above_is_shown_sorted_and_exported(cast, client_of, make, monkeypatch):
    from django.db.models import F

    column = LeadColumn(
        key="twice",
        label="Twice",
        order=55,
        annotate=lambda leads: leads.annotate(twice=F("pk") * 2),
        value=lambda lead: lead.twice,
        ordering=("twice",),
        numeric=True,
    )
    monkeypatch.setattr(slots, "lead_columns", [column])
    low, high = make.lead(first_name="low"), make.lead(first_name="high")
    browser = client_of(cast.marketer)
    response = browser.get("/leads/?sort=-twice")
    assert names(response) == ["high", "low"]
    assert f">{high.pk * 2}</td>" in response.content.decode()
    assert str(low.pk * 2) in b"".join(browser.get("/leads/export/").streaming_content).decode()


def test_reps_have_no_export_and_no_way_to_add(cast, client_of, make):
    make.lead(owner=cast.rep)
    page = client_of(cast.rep).get("/leads/").content.decode()
    assert "Export" not in page
    assert "/leads/add/" not in page
    assert "data-bulk-bar" not in page


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("created_after=2026-01-02", "from 2026-01-02"),
        ("created_before=2026-01-03", "up to 2026-01-03"),
        ("created_after=2026-01-02&created_before=2026-01-03", "2026-01-02 – 2026-01-03"),
    ],
)
def test_the_chip_of_a_range_says_which_end_is_set(cast, client_of, query, text):
    assert f">{text}</span>" in client_of(cast.marketer).get(f"/leads/?{query}").content.decode()
