"""The tags and filters that pages are written with."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.paginator import Paginator
from django.template import engines
from django.test import RequestFactory
from django.utils import timezone

from leads.clockface import ClockFace, spoken, state_of
from leads.templatetags import accord

NOON = datetime(2026, 6, 8, 12, 0, tzinfo=UTC)


def draw(source, path="/", **context):
    request = RequestFactory().get(path)
    template = engines["django"].from_string("{% load accord %}" + source)
    return template.render({"request": request, **context}, request)


@pytest.mark.parametrize(
    ("filter_", "value", "text"),
    [
        (accord.figure, 12480, "12,480"),
        (accord.figure, None, "–"),
        (accord.capped, 10_001, "10,000+"),
        (accord.capped, 10_000, "10,000"),
        (accord.percent, 0.912, "91\u202f%"),
        (accord.percent, None, "–"),
        (accord.signed, 18, "+18"),
        (accord.signed, -9, "\u22129"),
        (accord.signed, 0, "0"),
        (accord.money, 1084, "EUR\u00a01,084"),
    ],
)
def test_numbers_are_written_for_people(filter_, value, text):
    assert filter_(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(45, "45s"), (59 * 60, "59m"), (3 * 3600 + 960, "3h 16m"), (101 * 3600, "101h"), (3600, "1h 00m")]
)
def test_length_of_time_uses_its_two_largest_units(seconds, text):
    assert spoken(seconds) == text


@pytest.mark.parametrize(
    ("left", "today", "state"),
    [(-1, True, "overdue"), (0, True, "soon"), (1799, False, "soon"), (1800, True, "today"), (1800, False, "track")],
)
def test_state_of_a_running_clock_changes_at_its_bounds(left, today, state):
    assert state_of(left, due_today=today) == state


def test_overdue_clock_shows_a_solid_pill_and_by_how_much():
    html = draw("{% sla face %}", face=ClockFace("overdue", NOON, left=-11_760, total=14_400))
    assert "p-pill-overdue" in html
    assert "Overdue" in html
    assert "+3h 16m" in html
    assert 'width="100"' in html
    assert 'data-left="-11760"' in html


def test_paused_clock_says_when_it_goes_on():
    face = ClockFace("paused", NOON, left=600, total=3600, resumes_at=NOON + timedelta(hours=21))
    html = draw("{% sla_pill face %}", face=face)
    assert "Resumes" in html
    assert "Tue 09:00" in html
    assert "data-countdown" not in html


def test_clock_without_total_has_no_bar_and_no_share():
    assert ClockFace("track", left=60).used == 0
    assert "p-clock-bar" not in draw("{% sla face %}", face=ClockFace("track", left=60))


def test_times_are_told_in_the_zone_of_the_reader(freeze):
    freeze(NOON)
    with timezone.override("America/New_York"):
        assert "7 Jun, 20:30" in draw("{% moment at %}", at=datetime(2026, 6, 8, 0, 30, tzinfo=UTC))
        assert "3 h ago" in draw("{% when at %}", at=NOON - timedelta(hours=3, minutes=10))
        assert "in 20 min" in draw("{% when at %}", at=NOON + timedelta(minutes=20, seconds=5))
        assert "3 Oct 2025" in draw("{% day at %}", at=date(2025, 10, 3))
        assert draw("{% when at %}{% moment at %}{% day at %}", at=None) == "–––"


def test_score_lines_share_one_zero_line_and_fold_the_rest():
    lines = [{"words": f"Line {n}", "points": points} for n, points in enumerate((22, 18, -10, 5, 3, 2))]
    html = draw("{% score_lines lines limit=3 %}", lines=lines)
    zeros = set(re.findall(r'class="p-zero" x="([\d.]+)"', html))
    assert zeros == {"31.25"}
    assert "3 more lines" in html
    assert "+10" in html
    assert re.search(r"<tfoot>.*40", html, re.S)


def test_score_lines_survive_hostile_words():
    html = draw("{% score_lines lines %}", lines=[{"words": "<script>alert(1)</script>", "points": 1}])
    assert "<script>" not in html


def test_unscored_lead_says_so():
    assert "not scored" in draw("{% score_badge None %}")


def test_score_bar_names_its_parts():
    html = draw("{% score_bar 38 44 82 threshold=60 %}")
    assert "Score 82: fit 38, engagement 44, threshold 60" in html


@pytest.mark.parametrize(
    ("stage", "passed", "done", "now"),
    [
        ("inquiry", (), [], "Inquiry"),
        ("sal", ("inquiry", "prospect", "mql"), ["Inquiry", "Prospect", "MQL"], "SAL"),
        ("won", ("inquiry", "prospect"), ["Inquiry", "Prospect"], "Won"),
        ("rejected", ("inquiry", "prospect", "mql"), ["Inquiry", "Prospect", "MQL"], "Rejected"),
        ("lost", ("inquiry", "prospect"), ["Inquiry", "Prospect"], "Lost"),
    ],
)
def test_stage_track_shows_where_a_lead_was(stage, passed, done, now):
    html = draw("{% stage_track stage passed=passed %}", stage=stage, passed=passed)
    assert re.findall(r'<li class="is-done"><span><span class="p-track-dot"></span>(\w+)', html) == done
    current = html[html.index("aria-current") :]
    assert now in current[: current.index("</li>")]


def test_second_time_is_said_on_the_track():
    assert "MQL, 2nd time" in draw("{% stage_track 'mql' nth=2 %}")


def test_histogram_carries_its_numbers_as_a_table():
    html = draw("{% histogram bins marker=60 label='Leads by score' %}", bins=[("0", 1, 2, 3), ("50", 0, 0, 0), ("60", 4, 0, 0)])
    assert html.count("<rect") == 5
    assert "60: 4 won" in html
    assert "<details" in html


def test_bars_say_changes_in_words():
    rows = [{"label": "Too small", "value": 21, "before": 17}, {"label": "Timing", "value": 2, "before": 5}]
    html = draw("{% bars rows label='Reasons' %}", rows=rows)
    assert "up" in html
    assert "down" in html
    assert 'width="100.0"' in html


def test_sparkline_breaks_where_nothing_is_known():
    html = draw("{% sparkline values label='Accepted' %}", values=[1, 2, None, 3, 4])
    assert html.count("<polyline") == 2
    assert draw("{% sparkline values label='Nothing' %}", values=[]).count("<circle") == 0


def test_heat_table_has_a_number_in_each_cell():
    html = draw("{% heat rows columns cells label='x' %}", rows=["Web"], columns=["Timing", "Size"], cells=[[0, 9]])
    assert "p-heat-0" in html
    assert "p-heat-5" in html


def test_sorting_keeps_the_other_parameters_and_turns_round():
    html = draw("{% sort_link 'Company' 'company' %}", path="/?q=x&page=3&sort=company")
    assert "q=x" in html
    assert "sort=-company" in html
    assert "page" not in re.search(r'href="([^"]*)"', html).group(1)
    assert "sorted upwards" in html


def test_pages_near_this_one_are_linked_and_keep_the_filter():
    page = Paginator(range(1000), 50).page(7)
    html = draw("{% pages page %}{% count_line page 'lead' 'leads' %}", path="/?stage=mql&page=7", page=page)
    assert 'href="?stage=mql&amp;page=8"' in html
    assert 'aria-current="page"' in html
    assert "301 to 350 of 1,000 leads" in html


def test_people_get_a_colour_that_stays_theirs():
    first, second = draw("{% avatar 'Ada Brandt' %}"), draw("{% avatar 'Ada Brandt' %}")
    assert first == second
    assert ">AB<" in first
    assert "nobody" in draw("{% person None %}")


def test_icon_that_stands_alone_has_a_name():
    assert 'role="img" aria-label="Overdue"' in draw("{% icon 'octagon' label='Overdue' %}")
    assert 'aria-hidden="true"' in draw("{% icon 'octagon' %}")


def test_every_icon_that_a_template_names_is_in_the_sprite():
    from pathlib import Path

    from django.conf import settings

    templates = Path(settings.BASE_DIR) / "templates"
    sprite = set(re.findall(r'id="i-([a-z]+)"', (templates / "partials" / "sprite.html").read_text()))
    named = {
        name
        for path in templates.rglob("*.html")
        for name in re.findall(r'(?:{% icon |icon=)["\']([a-z]+)["\']', path.read_text())
    }
    assert named <= sprite
