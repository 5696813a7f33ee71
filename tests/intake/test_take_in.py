"""What becomes of a lead that comes in: gate, matching, the newest word, history."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError

from leads import hooks
from leads.actions.outcome import freeze_case
from leads.choices import ContactProblem, Stage
from leads.errors import Invalid, NotAllowed
from leads.intake.batch import take_in
from leads.intake.incoming import Incoming, IncomingActivity, IncomingOutcome, Problem
from leads.models import Activity, Case, Company, ExternalId, Lead, LeadEvent, LeadField, LeadRevision, Product, Submission
from tests.conftest import MONDAY
from tests.intake.incoming import person

pytestmark = pytest.mark.django_db


def take(*items: Incoming, at=MONDAY, channel="api", **options):
    return take_in(items, actor=None, channel=channel, at=at, **options)


def test_a_reachable_lead_becomes_a_prospect_with_company_event_revision_and_raw_submission():
    (taken,) = take(
        person(
            lead__first_name="Ivy",
            lead__last_name="Okafor",
            lead__job_title="Head of IT",
            lead__country="Germany",
            lead__phone="030 901820",
            company__name="Okafor Werke",
            company__employees=250,
            source="Web form",
            raw={"form": 7},
        )
    )
    lead = Lead.objects.select_related("company").get()
    assert taken.status == "created"
    assert taken.lead_id == lead.pk
    assert (lead.stage, lead.contactable, lead.contact_problem) == (Stage.PROSPECT, True, "")
    assert (lead.seniority, lead.department, lead.country, lead.phone_e164) == ("director", "it", "DE", "+4930901820")
    assert (lead.company.domain, lead.company.name, lead.company.employees) == ("okafor-werke.de", "Okafor Werke", 250)
    assert lead.folded == {"job_title": " head of it ", "first_source": " web form ", "email_domain": " okafor werke de "}
    assert lead.search == "ivy okafor ivy okafor okafor werke de okafor werke"
    assert LeadRevision.objects.get(lead=lead).rev == 1
    assert LeadEvent.objects.get(lead=lead).changes == {"lead.stage": [None, "prospect"]}
    submission = Submission.objects.get(pk=taken.submission_id)
    assert (submission.lead_id, submission.status, submission.raw, submission.problems) == (lead.pk, "created", {"form": 7}, [])


@pytest.mark.parametrize(
    ("email", "phone", "expected"),
    [
        ("winnie-the-pooh@hundred_acre_wood.org", "", ContactProblem.BAD_EMAIL),
        ("someone@mailinator.com", "", ContactProblem.DISPOSABLE_EMAIL),
        ("a..b@firma.de", "12", ContactProblem.BAD_BOTH),
    ],
)
def test_a_lead_that_cannot_be_reached_stays_an_inquiry_and_says_why(email, phone, expected):
    (taken,) = take(person(email, lead__phone=phone, lead__country="DE"))
    lead = Lead.objects.get()
    assert taken.status == "created"
    assert taken.problems
    assert (lead.stage, lead.contact_problem, lead.stage_reason) == (Stage.INQUIRY, expected, expected.label)


def test_an_id_alone_is_a_lead_without_a_way_to_reach_it():
    take(person("", external={"crm": "17"}, lead__last_name="Okafor"))
    lead = Lead.objects.get()
    assert (lead.stage, lead.contact_problem) == (Stage.INQUIRY, ContactProblem.NO_CONTACT)
    assert ExternalId.objects.get().value == "17"


def test_a_correction_later_moves_an_inquiry_on():
    take(person("winnie@hundred_acre_wood.org", external={"crm": "17"}))
    (taken,) = take(person("winnie@hundred-acre-wood.org", external={"crm": "17"}), at=MONDAY + timedelta(hours=1))
    lead = Lead.objects.get()
    assert taken.status == "updated"
    assert (lead.email, lead.stage, lead.contactable) == ("winnie@hundred-acre-wood.org", Stage.PROSPECT, True)
    stage = LeadEvent.objects.get(lead=lead, kind="stage")
    assert stage.changes == {"lead.stage": ["inquiry", "prospect"]}


def test_a_phone_number_that_works_makes_a_prospect_in_spite_of_a_bad_address():
    take(person("winnie@hundred_acre_wood.org", lead__phone="+49 30 901820"))
    assert Lead.objects.get().stage == Stage.PROSPECT


def test_an_unusable_address_never_replaces_a_usable_one():
    take(person("ivy@okafor-werke.de", external={"crm": "1"}))
    (taken,) = take(person("ivy@okafor_werke.de", external={"crm": "1"}), at=MONDAY + timedelta(days=1))
    assert Lead.objects.get().email == "ivy@okafor-werke.de"
    assert {problem.code for problem in taken.problems} == {"bad_email", "kept_usable_email"}


def test_nothing_that_tells_a_person_apart_is_refused_and_kept_raw_only():
    (taken,) = take(person("", lead__first_name="Ivy", raw={"name": "Ivy"}))
    assert (taken.status, taken.lead_id, taken.problems[0].code) == ("refused", None, "no_identity")
    assert not Lead.objects.exists()
    assert Submission.objects.get().raw == {"name": "Ivy"}


def test_text_in_the_address_field_without_an_at_sign_identifies_nobody():
    answers = take(person("n/a"), person("n/a"))
    assert [taken.status for taken in answers] == ["refused", "refused"]


def test_two_spellings_of_one_address_are_one_person():
    answers = take(person("Ivy.Okafor@Okafor-Werke.DE"), person(" ivy.okafor@okafor-werke.de"))
    assert [taken.status for taken in answers] == ["created", "attached"]
    assert Lead.objects.get().email == "Ivy.Okafor@Okafor-Werke.DE"


def test_an_external_id_finds_the_person_when_the_address_is_new():
    take(person("ivy@okafor-werke.de", external={"hubspot": "5"}))
    (taken,) = take(person("ivy.okafor@okafor-werke.de", external={"hubspot": "5"}), at=MONDAY + timedelta(days=1))
    assert taken.status == "updated"
    assert Lead.objects.get().email_key == "ivy.okafor@okafor-werke.de"


def test_an_external_id_of_somebody_else_is_left_with_them():
    take(person("ivy@okafor-werke.de", external={"hubspot": "5"}), person("otto@okafor-werke.de"))
    (taken,) = take(person("otto@okafor-werke.de", external={"hubspot": "5"}))
    assert [problem.code for problem in taken.problems] == ["external_id_taken"]
    assert ExternalId.objects.get().lead.email == "ivy@okafor-werke.de"


def test_without_an_address_number_and_surname_tell_who_it_is():
    answers = take(
        person("", lead__phone="+49 30 901820", lead__last_name="Okafor"),
        person("", lead__phone="+4930901820", lead__last_name="OKAFOR", lead__first_name="Ivy"),
        person("", lead__phone="+49 30 901820", lead__last_name="Other"),
    )
    assert [taken.status for taken in answers] == ["created", "updated", "created"]
    assert answers[0].lead_id == answers[1].lead_id != answers[2].lead_id


def test_the_newest_word_wins_for_each_field_whatever_order_it_comes_in():
    take(person(lead__job_title="CTO", lead__language="de", occurred_at=MONDAY - timedelta(days=2)))
    take(person(lead__job_title="CEO", occurred_at=MONDAY - timedelta(days=1)))
    (late,) = take(
        person(
            lead__job_title="Intern", lead__language="en", lead__country="DE", occurred_at=MONDAY - timedelta(days=1, hours=12)
        )
    )
    lead = Lead.objects.get()
    assert (lead.job_title, lead.seniority, lead.language, lead.country) == ("CEO", "c_level", "en", "DE")
    assert late.status == "updated"


def test_saying_the_same_again_later_makes_it_the_newest_word():
    take(person(lead__job_title="CTO", occurred_at=MONDAY - timedelta(days=9)))
    (again,) = take(person(lead__job_title="CTO", occurred_at=MONDAY - timedelta(days=1)))
    take(person(lead__job_title="Intern", occurred_at=MONDAY - timedelta(days=5)))
    assert again.status == "attached"
    assert Lead.objects.get().job_title == "CTO"


def test_blank_never_overwrites():
    take(person(lead__first_name="Ivy", lead__job_title="CTO"))
    (taken,) = take(person(lead__first_name="", lead__job_title=None), at=MONDAY + timedelta(days=1))
    assert taken.status == "attached"
    assert Lead.objects.get().first_name == "Ivy"


def test_what_changed_is_kept_with_old_and_new():
    take(person(lead__job_title="Marketing Manager"))
    take(person(lead__job_title="Marketing Director"), at=MONDAY + timedelta(days=1))
    event = LeadEvent.objects.get(kind="updated")
    assert event.changes == {
        "lead.job_title": ["Marketing Manager", "Marketing Director"],
        "lead.seniority": ["manager", "director"],
    }
    assert LeadRevision.objects.get().rev == 2


def test_a_seniority_that_a_person_corrected_stays_whatever_title_comes():
    take(person(lead__job_title="Manager"))
    Lead.objects.update(seniority="c_level", title_corrected=True)
    take(person(lead__job_title="Intern", lead__seniority="staff"), at=MONDAY + timedelta(days=1))
    lead = Lead.objects.get()
    assert (lead.job_title, lead.seniority) == ("Intern", "c_level")


def test_a_free_mail_domain_makes_no_company():
    take(person("ivy@gmail.com"), person("otto@gmx.de", company__domain="www.gmail.com"))
    assert not Company.objects.exists()


def test_the_company_is_found_by_domain_then_by_folded_name():
    take(
        person("a@okafor-werke.de"),
        person("b@okafor-werke.de", company__name="Okafor Werke GmbH"),
        person("c@gmail.com", company__name="OKAFOR-Werke, GmbH"),
        person("d@gmail.com", company__domain="https://www.okafor-werke.de/about"),
    )
    company = Company.objects.get()
    assert (company.name, company.domain) == ("Okafor Werke GmbH", "okafor-werke.de")
    assert company.leads.count() == 4


def test_a_company_known_by_name_gets_its_domain_later():
    take(person("c@gmail.com", company__name="Okafor Werke"))
    take(person("a@okafor-werke.de", company__name="Okafor Werke"))
    assert Company.objects.get().domain == "okafor-werke.de"


def test_leads_fill_what_is_blank_about_their_company_and_never_overwrite_it():
    take(person("a@okafor-werke.de", company__name="Okafor", company__employees=200))
    (taken,) = take(person("b@okafor-werke.de", company__employees=9, company__industry="Steel"))
    company = Company.objects.get()
    assert (company.employees, company.industry) == (200, "Steel")
    assert taken.status == "created"
    assert LeadRevision.objects.get(lead__email="a@okafor-werke.de").rev == 2


def test_naming_another_company_later_moves_the_person():
    take(person("ivy@gmail.com", company__name="Okafor Werke"))
    (taken,) = take(person("ivy@gmail.com", company__name="Stahl AG"), at=MONDAY + timedelta(days=1))
    assert taken.status == "updated"
    assert Lead.objects.get().company.name == "Stahl AG"
    assert LeadEvent.objects.get(kind="updated").changes == {"company.name": ["Okafor Werke", "Stahl AG"]}


def test_custom_fields_are_typed_and_unknown_ones_refused():
    LeadField.objects.create(key="visits", label="Visits", type="number")
    LeadField.objects.create(key="wants_call", label="Call", type="boolean")
    LeadField.objects.create(key="since", label="Since", type="date")
    LeadField.objects.create(key="origin", label="Origin", type="choice", choices=["Google", "google", "Trade fair"])
    LeadField.objects.create(key="topics", label="Topics", type="multi", choices=["a", "b"])
    LeadField.objects.create(key="words", label="Words", type="text")
    good, bad, unknown = take(
        person(
            custom__visits="12.50",
            custom__wants_call="Yes",
            custom__since="2026-03-01",
            custom__origin="google",
            custom__topics=["b", "b"],
            custom__words=" Guten  Tag ",
        ),
        person("b@firma.de", custom__visits="many"),
        person("c@firma.de", custom__shoe_size=42),
    )
    lead = Lead.objects.get()
    assert good.status == "created"
    assert lead.attributes == {
        "visits": 12.5,
        "wants_call": True,
        "since": "2026-03-01",
        "origin": "google",
        "topics": ["b"],
        "words": "Guten  Tag",
    }
    assert lead.folded["custom.words"] == " guten tag "
    assert (bad.status, bad.problems[0].code, bad.problems[0].field) == ("refused", "not_number", "custom.visits")
    assert (unknown.status, unknown.problems[0].code) == ("refused", "unknown_field")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"lead__first_name": 5}, "not_text"),
        ({"lead__first_name": "x" * 121}, "too_long"),
        ({"lead__first_name": "a\x00b"}, "bad_character"),
        ({"lead__first_name": "a\ud800b"}, "bad_character"),
        ({"company__employees": "lots"}, "not_number"),
        ({"company__employees": 2.5}, "not_count"),
        ({"company__employees": float("nan")}, "number_too_long"),
        ({"company__revenue": -5}, "not_positive"),
        ({"lead__seniority": "boss"}, "unknown_choice"),
        ({"lead__consent": "perhaps"}, "unknown_choice"),
        ({"occurred_at": MONDAY + timedelta(days=1)}, "in_future"),
        ({"occurred_at": MONDAY.replace(tzinfo=None)}, "no_time_zone"),
        ({"external": {"crm": "x" * 201}}, "too_long"),
        ({"activities": [IncomingActivity("Demo!", MONDAY)]}, "bad_kind"),
        ({"activities": [IncomingActivity("demo_request", MONDAY, asset="nothing")]}, "unknown_asset"),
        ({"problems": (Problem("not_date", "Created"),)}, "not_date"),
    ],
)
def test_what_cannot_be_understood_refuses_its_item_and_no_other(values, code):
    bad, good = take(person("bad@firma.de", **values, raw={"odd": "a\x00b\ud800"}), person("good@firma.de"))
    assert bad.status == "refused"
    assert code in {problem.code for problem in bad.problems}
    assert good.status == "created"
    assert Lead.objects.get().email == "good@firma.de"
    assert Submission.objects.get(status="refused").raw == {"odd": "a\ufffdb\ufffd"}


def test_names_may_contain_anything_that_can_be_shown():
    names = [
        "<script>alert(1)</script>",
        "=HYPERLINK(1)",
        "O'Brien; DROP TABLE",
        "\u202eevil",
        "Zo\u00eb \U0001f600",
        "\\N",
        "a\tb\nc",
    ]
    answers = take(*(person(f"p{n}@firma.de", lead__first_name=name, lead__last_name=name) for n, name in enumerate(names)))
    assert {taken.status for taken in answers} == {"created"}
    stored = list(Lead.objects.order_by("email").values_list("first_name", flat=True))
    assert stored == [
        "<script>alert(1)</script>",
        "=HYPERLINK(1)",
        "O'Brien; DROP TABLE",
        "evil",
        "Zo\u00eb \U0001f600",
        "\\N",
        "a b c",
    ]


def test_a_country_nobody_knows_is_left_out_and_said():
    (taken,) = take(person(lead__country="Asia/Pacific Region"))
    assert taken.status == "created"
    assert [problem.code for problem in taken.problems] == ["unknown_country"]
    assert Lead.objects.get().country == ""


def test_the_product_of_interest_goes_by_key_or_name():
    Product.objects.create(key="flow", name="Accord Flow")
    take(person("a@firma.de", lead__product_interest="flow"), person("b@firma.de", lead__product_interest="accord flow"))
    assert set(Lead.objects.values_list("product_interest__key", flat=True)) == {"flow"}


def test_consent_keeps_its_time_and_opting_out_refuses_it():
    take(person(lead__consent=True, occurred_at=MONDAY - timedelta(days=3)))
    lead = Lead.objects.get()
    assert (lead.consent, lead.consent_at) == ("given", MONDAY - timedelta(days=3))
    take(person(lead__opt_out=True))
    lead.refresh_from_db()
    assert (lead.consent, lead.consent_at) == ("refused", MONDAY)


def test_activities_come_with_a_lead_and_the_same_event_twice_is_one():
    event = IncomingActivity(
        "demo_request", MONDAY - timedelta(days=2), source="web", source_id="e1", properties={"page": "/demo"}
    )
    take(person(activities=[event, IncomingActivity("page_view", MONDAY)]))
    (again,) = take(person(activities=[event]))
    assert again.status == "attached"
    assert sorted(Activity.objects.values_list("kind", flat=True)) == ["demo_request", "page_view"]
    demo = Activity.objects.get(kind="demo_request")
    assert (demo.recorded_at, demo.known_at, demo.properties) == (MONDAY, MONDAY, {"page": "/demo"})
    assert LeadRevision.objects.get().rev == 1


def test_activities_of_an_imported_history_count_from_when_they_happened():
    take(person(activities=[IncomingActivity("webinar_attended", MONDAY - timedelta(days=20))]), channel="import")
    activity = Activity.objects.get()
    assert activity.known_at == activity.occurred_at


def test_a_new_activity_of_a_known_lead_raises_its_revision():
    take(person())
    (taken,) = take(person(activities=[IncomingActivity("pricing_view", MONDAY)]))
    assert taken.status == "attached"
    assert LeadRevision.objects.get().rev == 2


def test_a_lead_came_in_when_that_was_said():
    take(person(occurred_at=MONDAY - timedelta(days=30)), channel="import")
    assert Lead.objects.get().created_at == MONDAY - timedelta(days=30)


def test_the_first_source_and_campaign_stay(make):
    take(person(source="Web form"))
    take(person(source="Fair"), at=MONDAY + timedelta(days=1))
    assert Lead.objects.get().first_source == "Web form"


def test_more_than_a_thousand_at_once_are_refused_whole():
    with pytest.raises(Invalid) as refused:
        take(*(person(f"p{n}@firma.de") for n in range(1001)))
    assert refused.value.code == "too_many_items"
    assert not Submission.objects.exists()


def test_a_person_without_the_right_may_not_bring_leads_in(cast):
    with pytest.raises(NotAllowed):
        take_in([person()], actor=cast.rep, channel="manual")
    assert not Lead.objects.exists()


def test_stage_of_leads_with_sales_is_left_alone():
    take(person())
    Lead.objects.update(stage=Stage.SAL)
    take(person(lead__job_title="CTO"), at=MONDAY + timedelta(days=1))
    assert Lead.objects.get().stage == Stage.SAL


def test_an_outcome_that_comes_with_a_lead_makes_a_case_and_moves_it():
    (taken,) = take(
        person(lead__job_title="CTO", outcome=IncomingOutcome("lost", at=MONDAY - timedelta(days=3), reason="too_small"))
    )
    case = Case.objects.get(pk=taken.case_id)
    assert (case.outcome, case.decided_at, case.basis, case.has_activity) == ("lost", MONDAY - timedelta(days=3), "import", False)
    assert case.facts["lead.job_title"] == "CTO"
    assert case.facts["company.domain"] == "okafor-werke.de"
    assert Lead.objects.get().stage == Stage.LOST
    assert [problem.code for problem in taken.problems] == ["unknown_reason"]


def test_the_same_outcome_again_makes_no_second_case():
    told = IncomingOutcome("won", amount=Decimal("10.00"))
    take(person(outcome=told))
    (again,) = take(person(outcome=told))
    assert (again.status, Case.objects.count()) == ("attached", 1)
    assert again.case_id == Case.objects.get().pk


def test_the_database_keeps_no_amount_below_nothing(make):
    with pytest.raises(IntegrityError, match="case_amount_not_negative"):
        freeze_case(make.lead(), kind="closed", outcome="won", decided_at=MONDAY, amount=Decimal(-5))


def test_the_end_of_an_open_case_comes_from_another_system_and_those_above_hear_of_it(make):
    lead = make.lead("ivy@okafor-werke.de", stage=Stage.SQL)
    case = freeze_case(lead, kind="decision", outcome="working", decided_at=MONDAY - timedelta(days=9))
    heard = []
    hooks.outcome_recorded.append(lambda *args: heard.append((args[0].stage, args[1].pk)))
    try:
        (taken,) = take(person("ivy@okafor-werke.de", outcome=IncomingOutcome("won")))
    finally:
        hooks.outcome_recorded.pop()
    assert (taken.case_id, taken.status) == (case.pk, "updated")
    assert Case.objects.get().outcome == "won"
    assert heard == [(Stage.WON, case.pk)]


def test_ids_of_two_systems_are_not_mixed_up():
    take(person("a@firma.de", external={"crm": "1"}), person("b@firma.de", external={"web": "2"}))
    answers = take(person("", external={"crm": "2"}), person("", external={"web": "1"}))
    assert [taken.status for taken in answers] == ["created", "created"]
    assert Lead.objects.count() == 4


LONG_DOMAIN = ".".join(["a" * 60] * 4) + ".de"


@pytest.mark.parametrize(
    "values",
    [
        {"lead__phone": "+49301795346745000"},
        {"email": "\ufdfa" * 100 + "@firma.de"},
        {"email": "x@" + ".".join(["b" * 60] * 5) + ".d_e"},
        {"email": f"x@{LONG_DOMAIN}"},
        {"company__domain": LONG_DOMAIN},
        {"company__name": "\ufdfa" * 200},
        {"lead__first_name": "\u0130" * 120, "lead__last_name": "\ufdfa" * 120},
        {"external": {"crm": "x" * 199 + "   "}},
        {"external": {"c" * 39 + "  ": "1"}},
        {"source": "s" * 79 + "  "},
        {"company__revenue": "999999999999999"},
        {"company__revenue": "99999999999999.5"},
        {"outcome": IncomingOutcome("won", amount=Decimal("999999999999.999"))},
        {"activities": [IncomingActivity("call", MONDAY, source="s" * 79 + "  ", source_id="i" * 199 + "  ")]},
        {"lead__job_title": "\ufdfa" * 200, "lead__language": "x" * 60},
    ],
)
def test_what_is_longer_than_its_place_is_refused_or_left_out_and_never_breaks(values):
    email = values.pop("email", "ivy@firma.de")
    item = person(email, **({"external": {"web": "1"}} | values))
    (taken,) = take(item)
    assert taken.status in {"created", "refused"}
    assert taken.status == "created" or taken.problems
    assert Submission.objects.count() == 1
