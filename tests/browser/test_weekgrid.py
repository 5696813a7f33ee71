"""The week of a calendar, painted with the mouse and by keyboard, on the desk and on the phone."""

import os

from handoff.defaults import install_defaults
from handoff.models import WorkCalendar
from tests.browser.conftest import sideways, violations


def test_a_week_is_painted_and_stored(people, page_as, complaints):
    install_defaults("Europe/Berlin")
    calendar = WorkCalendar.objects.get()
    url = f"/setup/handoff/workcalendar/{calendar.pk}/change/"
    page = page_as(people.admin)
    page.goto(url)

    def cell(day, slot):
        return page.locator(f"[data-day='{day}'][data-slot='{slot}']")

    def hours(day):
        return page.locator(f"[data-week-day='{day}']").input_value()

    def drag(begin, end):
        for place, (day, slot) in enumerate((begin, end)):
            box = cell(day, slot).bounding_box()
            page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            page.mouse.down() if place == 0 else page.mouse.up()

    cell(3, 24).evaluate("one => one.scrollIntoView({ block: 'center' })")  # clear of the bar that stays at the bottom
    drag((0, 24), (4, 25))  # a lunch break from Monday to Friday, 12 to 13
    assert {hours(day) for day in range(5)} == {"09:00-12:00, 13:00-17:00"}
    drag((5, 44), (5, 47))  # Saturday night, and the morning after
    drag((6, 0), (6, 3))
    assert (hours(5), hours(6)) == ("22:00-02:00", "")
    page.locator("[data-week-day='2']").fill("08:45-11:10")
    assert "partly open" in cell(2, 17).get_attribute("aria-label")
    cell(2, 18).focus()
    for key in ("ArrowRight", "Shift+ArrowRight", "Shift+ArrowDown", "Space"):
        page.keyboard.press(key)
    assert (hours(2), hours(3)) == ("08:45-09:30, 10:30-11:10", "09:00-09:30, 10:30-12:00, 13:00-17:00")
    page.keyboard.press("Control+z")
    assert hours(3) == "09:00-12:00, 13:00-17:00"
    if into := os.environ.get("SHOTS"):
        for theme in ("light", "dark"):
            page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
            for width in (1440, 390):
                page.set_viewport_size({"width": width, "height": 900})
                page.screenshot(path=f"{into}/week-{width}-{theme}.png", full_page=True)
    page.set_viewport_size({"width": 390, "height": 844})
    assert not sideways(page)
    assert not violations(page, complaints)
    page.locator("[name=_save]").click()
    saved = WorkCalendar.objects.get(version=2)  # the one in force stays as it was
    assert saved.weekly["2"] == [[525, 670]]
    assert saved.weekly["5"] == [[1320, 1560]]
