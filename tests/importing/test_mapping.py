"""Columns find their place by their names, with their cells as second opinion; what cannot work is refused with the
question named.
"""

import datetime as dt
import json

import pytest

from leads.choices import FieldType, Known
from leads.errors import Invalid
from leads.importing import columns, mapping, reader, targets
from leads.importing.convert import Converter
from leads.importing.mapping import FileMapping, KnownField
from leads.importing.reader import Row
from tests.importing.samples import DATA, needs_data


def profiles(**given):
    names = list(given)
    rows = [list(row) for row in zip(*given.values(), strict=True)]
    return columns.profile(names, rows)


def headers(*names, kind=targets.LEADS):
    """Where columns of these names go when they hold nothing yet."""
    guessed = mapping.guess(kind, columns.profile(names, []))
    return dict(zip(names, (goes.target for goes in guessed.goes), strict=True)), guessed.system


EXPORTS = {
    "hubspot": {
        "Record ID": "external_id", "First Name": "lead.first_name", "Last Name": "lead.last_name", "Email": "lead.email",
        "Phone Number": "lead.phone",
        "Company name": "company.name", "Company domain name": "company.domain", "Job Title": "lead.job_title",
        "Country/Region": "lead.country",
        "Original Source": "source", "Create Date": "occurred_at", "Lifecycle Stage": "ignore",
        "Number of Employees": "company.employees",
        "Unsubscribed from all email": "lead.opt_out",
    },
    "salesforce": {
        "Lead ID": "external_id", "First Name": "lead.first_name", "Last Name": "lead.last_name", "Title": "lead.job_title",
        "Company / Account": "ignore", "Email": "lead.email", "Phone": "lead.phone", "Lead Source": "source",
        "Annual Revenue": "company.revenue",
        "No. of Employees": "company.employees", "Created Date": "occurred_at", "Rating": "ignore", "Lead Owner": "ignore",
        "Industry": "company.industry",
    },
    "marketo": {
        "Marketo ID": "external_id", "First Name": "lead.first_name", "Last Name": "lead.last_name",
        "Email Address": "lead.email", "Job Title": "lead.job_title",
        "Company Name": "company.name", "Lead Score": "ignore", "Person Source": "source", "Acquisition Program": "campaign",
        "Created At": "occurred_at",
        "Phone Number": "lead.phone", "Unsubscribed": "lead.opt_out",
    },
    "pipedrive": {
        "Person - Name": "lead.full_name", "Person - Email - Work": "lead.email", "Person - Phone": "lead.phone",
        "Organization - Name": "company.name",
        "Person - ID": "external_id", "Person - Job title": "lead.job_title",
    },
    "zoho": {
        "Record Id": "external_id", "Lead Owner": "ignore", "Company": "company.name", "First Name": "lead.first_name",
        "Last Name": "lead.last_name",
        "Email": "lead.email", "Phone": "lead.phone", "Designation": "lead.job_title", "Lead Source": "source",
        "No. of Employees": "company.employees",
        "Email Opt Out": "lead.opt_out", "Created Time": "occurred_at", "Website": "company.domain",
        "Annual Revenue": "company.revenue",
    },
    "facebook": {
        "id": "external_id", "created_time": "occurred_at", "ad_id": "ignore", "ad_name": "ignore", "adset_name": "ignore",
        "campaign_name": "campaign",
        "form_id": "ignore", "is_organic": "ignore", "platform": "ignore", "full_name": "lead.full_name", "email": "lead.email",
        "phone_number": "lead.phone", "company_name": "company.name", "job_title": "lead.job_title",
        "what_is_your_work_email?": "ignore",
    },
    "linkedin": {
        "Lead ID": "external_id", "Campaign Name": "campaign", "Campaign Group Name": "ignore", "Form Name": "ignore",
        "Lead Submission Time": "occurred_at",
        "First Name": "lead.first_name", "Last Name": "lead.last_name", "Work Email": "lead.email",
        "Company Name": "company.name",
        "Job Title": "lead.job_title", "Phone Number": "lead.phone", "Country": "lead.country", "LinkedIn Profile URL": "ignore",
    },
    "google_ads": {
        "Lead ID": "external_id", "User Email": "ignore", "User Phone": "lead.phone", "Full Name": "lead.full_name",
        "Company Name": "company.name",
        "Campaign": "campaign", "Ad Group": "ignore", "GCLID": "ignore", "Submission Date": "occurred_at",
        "Work Email": "lead.email", "Job Title": "lead.job_title",
    },
}  # fmt: skip


@pytest.mark.parametrize("system", EXPORTS)
def test_usual_exports_are_mapped_without_help(system):
    found, guessed_system = headers(*EXPORTS[system])
    assert found == EXPORTS[system]
    assert guessed_system == system


def test_names_of_unknown_files_are_found_by_synonyms_and_questions():
    found, system = headers("Vorname", "Nachname", "E-Mail-Adresse", "Firma", "Your phone number?", "mystery")
    assert list(found.values()) == ["lead.first_name", "lead.last_name", "lead.email", "company.name", "lead.phone", "ignore"]
    assert system == "import"


def test_content_finds_the_address_and_the_phone_number_where_names_do_not():
    guessed = mapping.guess(
        targets.LEADS,
        profiles(
            Kontakt1=["ivy@n.test", "ben@n.test", "oh@n.test"],
            Kontakt2=["+49 170 1234567", "+49 171 7654321", "(030) 123-4567"],
            Nummer=["1", "2", "3"],
        ),
    )
    assert [goes.target for goes in guessed.goes] == ["lead.email", "lead.phone", "new"]
    assert guessed.goes[0].guess == "content"


def test_a_name_whose_cells_say_otherwise_is_not_believed():
    guessed = mapping.guess(
        targets.LEADS,
        profiles(
            Email=["yes", "no", "yes"], Contact=["a@n.test", "b@n.test", "c@n.test"], Employees=["11-50", "51-200", "11-50"]
        ),
    )
    assert [goes.target for goes in guessed.goes] == ["new", "lead.email", "new"]


@pytest.mark.parametrize(
    "name", ["When", "Time", "Date", "Timestamp", "Created", "Activity date", "Happened on", "occurredAt", "Date & time", "Datum"]
)
def test_the_time_of_an_activity_is_found_by_its_natural_names(name):
    assert headers("Email", "Kind", name, kind=targets.ACTIVITIES)[0][name] == "occurred_at"


@pytest.mark.parametrize("name", ["Date", "Closed date", "Close Date", "Decided", "Decided on", "When", "closedAt", "Won on"])
def test_the_time_of_an_outcome_is_found_by_its_natural_names(name):
    assert headers("Email", "Outcome", name, kind=targets.OUTCOMES)[0][name] == "outcome_at"


def test_the_better_name_of_two_times_counts():
    found, _ = headers("Email", "Outcome", "When", "Close date", kind=targets.OUTCOMES)
    assert (found["When"], found["Close date"]) == ("ignore", "outcome_at")


def test_full_name_stays_out_when_both_names_have_their_columns():
    found, _ = headers("First Name", "Last Name", "Full Name", "Email")
    assert found["Full Name"] == "ignore"


def test_existing_custom_fields_are_found_by_label_and_key():
    guessed = mapping.guess(
        targets.LEADS,
        profiles(**{"Email": ["a@n.test"], "Budget Range": ["high"], "team_size": ["5"]}),
        [KnownField("budget", "Budget range", FieldType.TEXT), KnownField("team_size", "People in the team", FieldType.NUMBER)],
    )
    assert [goes.target for goes in guessed.goes] == ["lead.email", "custom.budget", "custom.team_size"]


@pytest.mark.parametrize(
    ("cells", "type_"),
    [
        (["Yes", "No", "Yes"], FieldType.BOOLEAN),
        (["0", "1", "1"], FieldType.BOOLEAN),
        (["3", "17", "2.5"], FieldType.NUMBER),
        (["₹450", "₹1,380", "₹520"], FieldType.NUMBER),
        (["00123", "04567", "00001"], FieldType.TEXT),
        (["2026-01-01", "2026-02-03", "2026-04-05"], FieldType.DATE),
        (["red", "green", "red", "blue"] * 10, FieldType.CHOICE),
        (["a;b", "b", "a;c", "c", "b;a"] * 5, FieldType.MULTI),
        ([f"free text number {n}" for n in range(40)], FieldType.TEXT),
        (["Select", "", "n/a"], FieldType.TEXT),
        (["Select"] * 5 + ["red", "green"] * 6, FieldType.CHOICE),
    ],
)
def test_new_fields_get_the_type_their_cells_have(cells, type_):
    assert columns.guess_type(profiles(x=cells)[0]).type == type_


def test_untouched_defaults_are_no_choices():
    found = columns.guess_type(profiles(x=["Select"] * 5 + ["red", "green"] * 6)[0])
    assert found.choices == ("green", "red")


def test_what_staff_fill_in_later_is_marked_so():
    guessed = mapping.guess(
        targets.LEADS, profiles(Email=["a@n.test"], **{"Lead Quality": ["High"], "Tags": ["Ringing"], "City": ["Oslo"]})
    )
    assert [goes.new.known for goes in guessed.goes[1:]] == [Known.AFTER, Known.AFTER, Known.INTAKE]


def test_keys_of_new_fields_are_valid_and_all_different():
    taken = set()
    for label in ("Größe", "Große", "3 words", "???", "x" * 60, "x" * 60, "名前"):
        key = mapping.free_key(label, taken)
        assert key not in taken
        assert key[0].isalpha()
        assert len(key) <= 40
        taken.add(key)


def test_outcomes_are_understood_and_unknown_ones_left_open():
    guessed = mapping.guess(
        targets.LEADS, profiles(Email=["a@n.test", "b@n.test", "c@n.test"], Status=["Closed Won", "Closed Lost", "Snoozed"])
    )
    assert guessed.goes[1].target == "outcome"
    assert guessed.outcomes == {"Closed Won": "won", "Closed Lost": "lost"}


def test_a_status_that_tells_no_outcome_is_a_field():
    guessed = mapping.guess(targets.LEADS, profiles(Email=["a@n.test", "b@n.test"], Status=["Working", "Nurturing"]))
    assert guessed.goes[1].target == "new"


def test_mapping_survives_being_stored():
    guessed = mapping.guess(targets.LEADS, profiles(Email=["a@n.test"] * 12, Size=["big", "small"] * 6, When=["01/02/2026"] * 12))
    assert FileMapping.from_json(json.loads(json.dumps(guessed.as_json()))) == guessed


class TestRefusals:
    def refused(self, guessed, names, values=()):
        with pytest.raises(Invalid) as caught:
            mapping.check(guessed, names, values)
        return caught.value

    def test_nothing_says_who_a_lead_is(self):
        guessed = mapping.guess(targets.LEADS, profiles(City=["Oslo"], Size=["3"]))
        assert self.refused(guessed, ["City", "Size"]).code == "no_identity"

    @pytest.mark.parametrize(
        ("kind", "code"),
        [(targets.COMPANIES, "no_identity"), (targets.ACTIVITIES, "no_identity"), (targets.OUTCOMES, "no_identity")],
    )
    def test_other_kinds_need_their_own_columns(self, kind, code):
        assert self.refused(mapping.guess(kind, profiles(City=["Oslo"])), ["City"]).code == code

    def test_outcomes_need_an_outcome_and_activities_a_kind(self):
        who = profiles(Email=["a@n.test"])
        assert self.refused(mapping.guess(targets.OUTCOMES, who), ["Email"]).code == "no_outcome"
        assert self.refused(mapping.guess(targets.ACTIVITIES, who), ["Email"]).code == "no_activity_kind"
        did = profiles(Email=["a@n.test"], Kind=["chat"])
        assert self.refused(mapping.guess(targets.ACTIVITIES, did), ["Email", "Kind"]).code == "no_activity_time"

    def test_two_columns_for_one_field(self):
        guessed = mapping.guess(targets.LEADS, profiles(Email=["a@n.test"], Mail2=["b@n.test"]))
        twice = FileMapping(guessed.kind, (guessed.goes[0], guessed.goes[0]))
        error = self.refused(twice, ["Email", "Mail2"])
        assert error.code == "target_twice"
        assert "Mail2" in error.message

    def test_dates_that_only_a_person_can_read(self):
        guessed = mapping.guess(targets.LEADS, profiles(Email=["a@n.test"] * 2, Date=["03/04/2026", "05/06/2026"]))
        error = self.refused(guessed, ["Email", "Date"])
        assert error.code == "ambiguous_date"
        assert "03/04/2026" in error.message
        assert "\u201cDate\u201d" in error.message

    def test_the_column_settles_what_single_dates_leave_open(self):
        guessed = mapping.guess(targets.LEADS, profiles(Email=["a@n.test"] * 2, Date=["03/04/2026", "25/06/2026"]))
        mapping.check(guessed, ["Email", "Date"])
        assert guessed.goes[1].day_first is True

    def test_an_outcome_column_nobody_explained(self):
        guessed = mapping.guess(targets.OUTCOMES, profiles(Email=["a@n.test"] * 2, Outcome=["X1", "X2"]))
        assert self.refused(guessed, ["Email", "Outcome"], ["X1", "X2"]).code == "outcome_not_mapped"


class TestRows:
    """One row through the converter."""

    def convert(self, names, cells, kind=targets.LEADS, sample=None, fields=(), outcomes=None):
        guessed = mapping.guess(kind, columns.profile(names, sample or [cells]), fields)
        if outcomes is not None:
            guessed = FileMapping(guessed.kind, guessed.goes, outcomes, guessed.system)
        known = {known.key: known for known in fields} | {
            goes.new.key: KnownField(goes.new.key, goes.new.label, goes.new.type, goes.new.choices)
            for goes in guessed.goes
            if goes.new
        }
        return Converter(guessed, names, known)(Row(1, 2, cells))

    def test_values_come_by_registry_key(self):
        out = self.convert(
            ["Full Name", "Email", "Phone", "Employees", "Created At", "City"],
            ["Okafor, Ivy", "ivy@n.test; other@n.test", "p:+47 22 12 34 56", "1,200", "2026-03-01 10:00", "Oslo"],
        )
        assert out.values == {
            "lead.first_name": "Ivy", "lead.last_name": "Okafor", "lead.email": "ivy@n.test", "lead.phone": "+47 22 12 34 56",
            "company.employees": 1200, "custom.city": "Oslo",
        }  # fmt: skip
        assert out.occurred_at == dt.datetime(2026, 3, 1, 10, tzinfo=dt.UTC)
        assert out.problems == []

    def test_a_surname_like_null_is_a_surname(self):
        out = self.convert(["First Name", "Last Name", "Email", "Country"], ["Na", "Null", "n@n.test", "n/a"])
        assert out.values == {"lead.first_name": "Na", "lead.last_name": "Null", "lead.email": "n@n.test"}

    def test_an_address_in_the_place_of_the_name_is_the_address(self):
        out = self.convert(["Full Name", "Email"], ["info@acme-corp.com", ""], sample=[["Ivy Okafor", "ivy@n.test"]])
        assert out.values == {"lead.email": "info@acme-corp.com"}

    def test_a_cell_that_does_not_fit_names_column_value_and_what_was_expected(self):
        out = self.convert(["Email", "Employees"], ["a@n.test", "many"], sample=[["a@n.test", "12"]])
        (problem,) = out.problems
        assert (problem.code, problem.field, problem.value) == ("not_number", "Employees", "many")
        assert problem.message == "\u201cmany\u201d in column \u201cEmployees\u201d is not a number."

    def test_a_row_longer_than_the_header_is_not_guessed_at(self):
        out = self.convert(["Email", "City"], ["a@n.test", "Oslo", "Norway"], sample=[["a@n.test", "Oslo"]])
        assert out.problems[0].code == "too_many_cells"
        assert out.values == {}

    def test_an_outcome_value_not_mapped_refuses_its_row(self):
        out = self.convert(["Email", "Outcome"], ["a@n.test", "Snoozed"], targets.OUTCOMES, outcomes={"Won": "won"})
        assert out.problems[0].code == "outcome_not_mapped"
        out = self.convert(["Email", "Outcome"], ["a@n.test", "WON"], targets.OUTCOMES, outcomes={"Won": "won"})
        assert (out.outcome, out.problems) == ("won", [])

    def test_opting_out_refuses_consent_and_not_opting_out_says_nothing(self):
        sample = [["a@n.test", "Yes"], ["b@n.test", "No"]]
        assert self.convert(["Email", "Do Not Email"], sample[0], sample=sample).values["lead.consent"] == "refused"
        assert "lead.consent" not in self.convert(["Email", "Do Not Email"], sample[1], sample=sample).values

    def test_choices_are_matched_without_their_case_and_strangers_refused(self):
        size = KnownField("size", "Size", FieldType.CHOICE, ("Big", "Small"))
        assert self.convert(["Email", "Size"], ["a@n.test", "big"], fields=[size]).values["custom.size"] == "Big"
        out = self.convert(["Email", "Size"], ["a@n.test", "huge"], fields=[size])
        assert out.problems[0].code == "not_a_choice"
        assert "Big, Small" in out.problems[0].message

    def test_downloaded_text_marks_are_taken_off_again(self):
        out = self.convert(["Email", "Phone"], ["a@n.test", "'+4722123456"], sample=[["a@n.test", "+47 22 12 34 56"]])
        assert out.values["lead.phone"] == "+4722123456"


@needs_data
def test_x_education_columns_are_typed_as_the_readme_describes_them():
    with (DATA / "lead_outcomes" / "x_education_leads.csv").open("rb") as file:
        layout = reader.inspect(file)
        guessed = mapping.guess(targets.LEADS, columns.profile(layout.columns, (row.cells for row in reader.rows(file, layout))))
    by_name = dict(zip(layout.columns, guessed.goes, strict=True))
    assert by_name["Prospect ID"].target == "external_id"
    assert by_name["Lead Source"].target == "source"
    assert by_name["Converted"].target == "outcome"
    assert guessed.outcomes == {"0": "lost", "1": "won"}
    types = {name: goes.new.type for name, goes in by_name.items() if goes.new}
    assert types["TotalVisits"] == types["Total Time Spent on Website"] == types["Page Views Per Visit"] == FieldType.NUMBER
    assert types["Lead Origin"] == types["Specialization"] == types["City"] == types["Tags"] == FieldType.CHOICE
    assert types["Do Not Call"] == types["Magazine"] == FieldType.BOOLEAN
    assert "Select" not in by_name["Specialization"].new.choices
    after = {name for name, goes in by_name.items() if goes.new and goes.new.known == Known.AFTER}
    assert after == {
        "Tags", "Lead Quality", "Lead Profile", "Last Notable Activity", "Asymmetrique Activity Index",
        "Asymmetrique Profile Index",
        "Asymmetrique Activity Score", "Asymmetrique Profile Score",
    }  # fmt: skip
