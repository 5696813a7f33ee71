"""Every page that needs no object, for a rep and for an administrator, and one of each kind that needs one: clean for axe,
in both themes, on the phone, and in the console.
"""

import io

import pytest

from handoff.actions import accept_handoff, log_attempt, reject_handoff
from handoff.defaults import install_defaults
from handoff.models import Rep, WorkCalendar
from leads import clock
from leads.importing.actions import upload
from leads.models import Campaign, LeadEvent, LeadField, Reason
from scoring.actions.versions import create_model
from tests.browser.addresses import pages_of_objects, pages_without_object
from tests.browser.conftest import sideways, unusable, violations
from tests.handoff.conftest import Work

# Nowhere to break it: what a page does not foresee makes it as wide as this.
LONG = "Wolfeschlegelsteinhausenbergerdorff" * 3


def is_page(response):
    """Whether this is a whole page, not a part for a script, a file, a redirect or a refusal."""
    return response.status_code == 200 and not response.streaming and b"<html" in response.content


@pytest.mark.slow
@pytest.mark.parametrize("role", ["rep", "admin"])
def test_pages_are_accessible_and_fit_the_phone(role, people, page_as, client_of, complaints):
    user = getattr(people, role)
    page = page_as(user)
    opened = [address for address in pages_without_object() if is_page(client_of(user).get(address))]
    problems = []
    for address in opened:
        page.goto(address)
        problems += [f"{address}: {found}" for found in unusable(page, complaints, thorough=False)]
    assert not problems, "\n".join(problems)
    assert len(opened) >= (3 if role == "rep" else 12), opened


@pytest.fixture
def objects(people, make, settings, tmp_path):
    """One of everything a page can be about, with names that do not break."""
    settings.MEDIA_ROOT = tmp_path
    install_defaults("Europe/Berlin")
    WorkCalendar.objects.update(weekly={str(day): [[0, 1440]] for day in range(7)})
    now = clock.now()
    work = Work(make, people)
    Rep.objects.create(user=people.rep)
    reason = Reason.objects.filter(for_reject=True, active=True, children=None).first()

    def offered(number):
        company = make.company(LONG, industry=LONG, employees=480, country="NL")
        lead = make.lead(
            f"{number}{LONG[:60]}@company.test",
            last_name=LONG,
            job_title=LONG,
            company=company,
            phone="+31 20 1234567",
            first_source=LONG[:60],
        )
        for kind in ("demo_request", "page_view"):
            make.activity(lead, kind, at=now)
        LeadEvent.objects.create(lead=lead, kind="updated", at=now, changes={"lead.job_title": [LONG, LONG[::-1]]})
        return work.offered(lead=lead, at=now)

    answered, worked, _ = (offered(number) for number in range(3))
    reject_handoff(answered, actor=people.rep, reason=reason, note=LONG)
    log_attempt(accept_handoff(worked, actor=people.rep), actor=people.rep, channel="call", result="reached", note=LONG)
    create_model(LONG[:60], actor=people.head_of_marketing)
    Campaign.objects.create(name=LONG)
    LeadField.objects.create(key="plan", label=LONG[:60], type="text")
    file = io.BytesIO(f"Email,{LONG}\nivy@x.test,{LONG}\n".encode())
    upload(file, name=f"{LONG}.csv", kind="leads", actor=people.marketing_ops)


@pytest.mark.slow
def test_pages_of_objects_are_accessible_and_fit_the_phone(objects, people, page_as, client_of, complaints):
    problems, opened = [], set()
    theirs = {people.rep: ("packet", "lead-page"), people.admin: ("lead-edit", "import", "criteria", "setup")}
    for user, names in theirs.items():
        page = page_as(user)
        for name, address in pages_of_objects().items():
            if not name.startswith(names):
                continue
            assert page.goto(address).status == 200, name
            opened.add(name)
            problems += [f"{name}: {found}" for found in unusable(page, complaints, thorough=False)]
    assert not problems, "\n".join(problems)
    assert opened == set(pages_of_objects())
    assert len(opened) == 15


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_before_sign_in_are_accessible_and_fit_the_phone(theme, live, page_as, complaints):
    page = page_as(None, theme=theme, phone=True)
    problems = []
    for address in ("/login/", "/password_reset/", "/password_reset/sent/", "/password_reset/done/", "/password_reset/x/y-z/"):
        page.goto(address)
        problems += [f"{address}: {found}" for found in [*violations(page, complaints), *sideways(page)]]
    assert not problems, "\n".join(problems)


def test_error_page_is_accessible(people, page_as, complaints):
    complaints.expect(404)
    page = page_as(people.rep)
    response = page.goto("/setup/no/such/page/")
    assert response.status == 404
    assert page.get_by_role("heading", name="There is no such page").is_visible()
    assert violations(page, complaints) == []
