"""Leads by hand: who may write them, what becomes of what they write, and that nobody's words are overwritten unseen."""

from datetime import timedelta

import pytest

from leads.models import Lead, LeadEvent, LeadField, Submission

pytestmark = pytest.mark.django_db
NEW = {
    "first_name": "Ivy",
    "last_name": "Okafor",
    "email": "ivy@northwind-freight.com",
    "company_name": "Northwind",
    "job_title": "IT manager",
}


def said(form):
    """What a browser would post when nothing is changed, with what the page was drawn with."""
    now = {name: "" if form[name].value() is None else form[name].value() for name in form.fields}
    return now | {f"initial-{name}": value for name, value in now.items() if form.fields[name].show_hidden_initial}


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("rep", 403),
        ("manager", 403),
        ("marketer", 200),
        ("marketing_ops", 200),
        ("head_of_marketing", 200),
        ("admin", 200),
        ("outsider", 302),
    ],
)
def test_marketing_and_administrators_write_leads(cast, client_of, make, who, status):
    lead = make.lead(owner=cast.rep)
    browser = client_of(getattr(cast, who))
    for address in ("/leads/add/", f"/leads/{lead.pk}/edit/"):
        assert browser.get(address).status_code == status
    wanted = {200: 302}.get(status, status)
    assert browser.post(f"/leads/{lead.pk}/title/", {"seniority": "vp"}).status_code == wanted


def test_a_new_lead_goes_through_the_intake(cast, client_of):
    response = client_of(cast.marketer).post("/leads/add/", NEW | {"source": "Trade show"})
    lead = Lead.objects.get()
    assert response["Location"] == f"/leads/{lead.pk}/"
    assert (lead.first_source, lead.stage, lead.company.name, lead.seniority) == (
        "Trade show",
        "prospect",
        "Northwind",
        "manager",
    )
    submission = Submission.objects.get()
    assert (submission.channel, submission.status, submission.lead) == ("manual", "created", lead)


def test_somebody_known_is_updated_not_doubled(cast, client_of):
    browser = client_of(cast.marketer)
    browser.post("/leads/add/", NEW)
    response = browser.post("/leads/add/", NEW | {"email": "IVY@northwind-freight.com", "phone": "+49 30 1234567"}, follow=True)
    assert Lead.objects.count() == 1
    assert "was known already" in response.content.decode()


def test_what_is_known_of_somebody_is_not_replaced_unseen(cast, client_of):
    browser = client_of(cast.marketer)
    browser.post("/leads/add/", NEW | {"industry": "Logistics", "employees": "480"})
    lead = Lead.objects.select_related("company").get()
    assert (lead.company.industry, lead.company.employees) == ("Logistics", 480)
    other = NEW | {"first_name": "Dup", "last_name": "Licate", "phone": "+49 30 1234567", "employees": "20"}
    asked = browser.post("/leads/add/", other)
    page = asked.content.decode()
    assert asked.status_code == 409
    assert "is known already" in page
    for words in ("First name", "Ivy", "Last name", "Okafor", 'value="Dup"', 'value="+49 30 1234567"'):
        assert words in page
    lead.refresh_from_db()
    assert (lead.first_name, lead.phone, Submission.objects.count()) == ("Ivy", "", 1)  # nothing is written yet
    agreed = browser.post("/leads/add/", other | {"agreed": lead.pk}, follow=True).content.decode()
    lead.refresh_from_db()
    assert (lead.first_name, lead.last_name, lead.phone != "") == ("Dup", "Licate", True)
    assert "First name (was “Ivy”), Last name (was “Okafor”)" in agreed
    assert "Employees “20” was not used: Northwind is known with “480”" in agreed
    # Whose industry and size, when nobody says the company?
    alone = browser.post("/leads/add/", {"last_name": "Free", "email": "free@gmail.com", "employees": "5"})
    assert (alone.status_code, "Say which company" in alone.content.decode()) == (422, True)
    assert browser.post("/leads/add/", NEW | {"email": "z@zeta-werke.de", "employees": "-1"}).status_code == 422


def test_who_cannot_be_identified_is_refused_beside_the_form(cast, client_of):
    response = client_of(cast.marketer).post("/leads/add/", {"first_name": "Ivy"})
    assert response.status_code == 422
    assert "Say at least" in response.content.decode()
    assert not Lead.objects.exists()


def test_own_fields_are_written_typed(cast, client_of):
    for key, kind, choices in [
        ("plan", "choice", ["Team"]),
        ("tools", "multi", ["SAP", "R"]),
        ("agreed", "boolean", []),
        ("seats", "number", []),
        ("renewal", "date", []),
        ("words", "text", []),
    ]:
        LeadField.objects.create(key=key, label=key, type=kind, choices=choices)
    own = {
        "x_plan": "Team",
        "x_tools": ["SAP", "R"],
        "x_agreed": "false",
        "x_seats": "20",
        "x_renewal": "2027-03-01",
        "x_words": "true",
    }
    client_of(cast.marketer).post("/leads/add/", NEW | own)
    assert Lead.objects.get().attributes == {
        "plan": "Team",
        "tools": ["SAP", "R"],
        "agreed": False,
        "seats": 20,
        "renewal": "2027-03-01",
        "words": "true",
    }


def test_saving_the_form_as_it_is_changes_nothing(cast, client_of, make):
    LeadField.objects.create(key="agreed", label="Agreed", type="boolean")
    LeadField.objects.create(key="seats", label="Seats", type="number")
    LeadField.objects.create(key="renewal", label="Renewal", type="date")
    LeadField.objects.create(key="plan", label="Plan", type="choice", choices=["New"])
    attributes = {"agreed": True, "seats": 20, "renewal": "2027-03-01", "plan": "No longer offered"}
    lead = make.lead(company=make.company("Northwind"), attributes=attributes)
    browser = client_of(cast.marketer)
    form = browser.get(f"/leads/{lead.pk}/edit/").context["form"]
    response = browser.post(f"/leads/{lead.pk}/edit/", said(form))
    assert response.status_code == 302
    assert not LeadEvent.objects.exists()
    assert Lead.objects.get().attributes == attributes


def test_an_edit_is_kept_with_who_made_it(cast, client_of, make):
    lead = make.lead()
    browser = client_of(cast.marketer)
    form = browser.get(f"/leads/{lead.pk}/edit/").context["form"]
    browser.post(f"/leads/{lead.pk}/edit/", said(form) | {"first_name": "Ada", "country": "Germany"})
    lead.refresh_from_db()
    assert (lead.first_name, lead.country) == ("Ada", "DE")
    event = LeadEvent.objects.get()
    assert event.actor == cast.marketer
    assert event.changes["lead.first_name"] == ["Ivy", "Ada"]


def test_what_cannot_be_is_refused_beside_its_field(cast, client_of, make):
    make.lead("taken@x.test")
    lead = make.lead()
    browser = client_of(cast.marketer)
    form = browser.get(f"/leads/{lead.pk}/edit/").context["form"]
    response = browser.post(f"/leads/{lead.pk}/edit/", said(form) | {"email": "taken@x.test"})
    assert response.status_code == 422
    assert "email" in response.context["form"].errors
    lead.refresh_from_db()
    assert lead.email != "taken@x.test"


def test_what_somebody_else_changed_meanwhile_is_not_overwritten_unseen(cast, client_of, make):
    lead = make.lead()
    browser = client_of(cast.marketer)
    form = said(browser.get(f"/leads/{lead.pk}/edit/").context["form"])
    seen = lead.updated_at.isoformat()
    Lead.objects.filter(pk=lead.pk).update(job_title="Their word", updated_at=lead.updated_at + timedelta(seconds=1))
    response = browser.post(f"/leads/{lead.pk}/edit/", form | {"first_name": "Mine", "seen": seen})
    assert response.status_code == 409
    assert 'value="Mine"' in response.content.decode()
    assert Lead.objects.get(pk=lead.pk).first_name == "Ivy"
    again = browser.post(
        f"/leads/{lead.pk}/edit/", form | {"first_name": "Mine", "job_title": "Their word", "seen": response.context["seen"]}
    )
    assert again.status_code == 302
    assert Lead.objects.get(pk=lead.pk).job_title == "Their word"


@pytest.fixture
def overtaken(cast, client_of, make):
    """The answer to a save that somebody else's change of job title and first name overtook, and the browser."""
    LeadField.objects.create(key="tools", label="Tools", type="multi", choices=["SAP", "R"])
    lead = make.lead(job_title="Clerk", attributes={})
    browser = client_of(cast.marketer)
    page = browser.get(f"/leads/{lead.pk}/edit/")
    theirs = {"job_title": "Their title", "first_name": "Theirs", "updated_at": lead.updated_at + timedelta(seconds=1)}
    Lead.objects.filter(pk=lead.pk).update(**theirs)
    mine = {"first_name": "Mine", "phone": "+49 30 1234567", "x_tools": ["SAP"], "seen": page.context["seen"]}
    response = browser.post(f"/leads/{lead.pk}/edit/", said(page.context["form"]) | mine)
    assert response.status_code == 409
    return browser, lead, response


def test_after_a_conflict_the_other_persons_words_are_on_the_page(overtaken):
    _, _, response = overtaken
    form, page = response.context["form"], response.content.decode()
    assert form["job_title"].value() == "Their title"
    assert form["first_name"].value() == "Mine"
    assert list(form.errors) == ["first_name", "__all__"]
    assert "Somebody else wrote “Theirs” here" in page
    assert 'name="initial-first_name" value="Theirs"' in page
    assert 'name="initial-x_tools"' not in page


def test_saving_again_after_a_conflict_writes_ones_own_changes_only(overtaken):
    browser, lead, response = overtaken
    form = response.context["form"]
    values = {name: form[name].value() or "" for name in form.fields}
    drawn = {f"initial-{name}": form.data.getlist(f"initial-{name}") for name in form.fields}
    assert browser.post(f"/leads/{lead.pk}/edit/", values | drawn | {"seen": response.context["seen"]}).status_code == 302
    lead.refresh_from_db()
    assert (lead.first_name, lead.job_title, lead.phone, lead.attributes) == (
        "Mine",
        "Their title",
        "+49 30 1234567",
        {"tools": ["SAP"]},
    )
    assert "lead.job_title" not in LeadEvent.objects.get().changes


def test_what_was_chosen_survives_a_refusal_elsewhere(cast, client_of, make):
    LeadField.objects.create(key="tools", label="Tools", type="multi", choices=["SAP", "R"])
    make.lead("taken@x.test")
    lead = make.lead()
    browser = client_of(cast.marketer)
    form = said(browser.get(f"/leads/{lead.pk}/edit/").context["form"]) | {"x_tools": ["SAP"]}
    del form["initial-x_tools"]  # a browser posts nothing for an empty list
    response = browser.post(f"/leads/{lead.pk}/edit/", form | {"email": "taken@x.test"})
    assert response.status_code == 422
    assert 'name="initial-x_tools"' not in response.content.decode()
    assert browser.post(f"/leads/{lead.pk}/edit/", form).status_code == 302
    lead.refresh_from_db()
    assert lead.attributes == {"tools": ["SAP"]}


def test_a_corrected_title_stays_corrected(cast, client_of, make):
    lead = make.lead(job_title="Chief happiness officer", seniority="c_level")
    response = client_of(cast.marketer).post(
        f"/leads/{lead.pk}/title/", {"seniority": "staff", "department": "hr"}, headers={"HX-Request": "true"}
    )
    lead.refresh_from_db()
    assert (lead.seniority, lead.department, lead.title_corrected) == ("staff", "hr", True)
    assert 'id="lead-who"' in response.content.decode()
    assert "corrected by a person" in response.content.decode()


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_a_seniority_that_does_not_exist_is_refused(cast, client_of, make, headers):
    lead = make.lead(seniority="vp")
    response = client_of(cast.marketer).post(f"/leads/{lead.pk}/title/", {"seniority": "king"}, headers=headers)
    assert response.status_code == (422 if headers else 302)
    lead.refresh_from_db()
    assert lead.seniority == "vp"


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "\u202eevil", "x" * 300, "👩‍💻" * 20, "a\x00b", "zero\u200bwidth"])
def test_whatever_is_written_is_kept_or_refused_never_broken(cast, client_of, text):
    browser = client_of(cast.marketer)
    response = browser.post("/leads/add/", NEW | {"last_name": text, "job_title": text, "company_name": text})
    assert response.status_code in (302, 422)
    if response.status_code == 302:
        assert "<script>alert" not in browser.get(response["Location"]).content.decode()
    else:
        assert "<script>alert" not in response.content.decode()


def test_markup_in_the_words_of_an_own_field_stays_words(cast, client_of, make):
    evil = "<img src=x onerror=alert(1)>"
    for kind in ("text", "choice", "multi"):
        LeadField.objects.create(key=kind, label=f"{kind} {evil}", help=f"Help {evil}", type=kind, choices=[f"Choice {evil}"])
    lead = make.lead(attributes={"text": evil, "choice": f"Old {evil}", "multi": [f"Old {evil}"]})
    browser = client_of(cast.marketer)
    for address in ("/leads/add/", f"/leads/{lead.pk}/edit/", f"/leads/{lead.pk}/"):
        page = browser.get(address).content.decode()
        assert "&lt;img src=x" in page
        assert "<img src=x" not in page
