"""One e-mail domain is one company: another name given for it is not dropped without a word."""

import pytest

from leads.intake.batch import take_in
from leads.intake.incoming import Incoming
from leads.models import Company, Submission

pytestmark = pytest.mark.django_db


def item(local, name, domain="okafor-werke.de"):
    values = {"lead.email": f"{local}@{domain}"} | ({"company.name": name} if name else {})
    return Incoming(values=values, raw={"Company": name})


def test_another_name_for_a_known_domain_is_kept_as_a_note(freeze):
    answers = take_in(
        [item("ivy", "Okafor Werke"), item("ben", "Okafor Holding"), item("eva", ""), item("tom", "OKAFOR  werke")],
        actor=None, channel="import",
    )  # fmt: skip
    assert Company.objects.get().name == "Okafor Werke"
    assert [len(answer.problems) for answer in answers] == [0, 1, 0, 0]
    (note,) = answers[1].problems
    assert (note.code, note.field, note.value) == ("other_company_name", "company.name", "Okafor Holding")
    assert "“Okafor Holding”" in note.message
    assert "“Okafor Werke”" in note.message
    stored = Submission.objects.get(lead_id=answers[1].lead_id)
    assert (stored.status, stored.problems[0]["code"]) == ("created", "other_company_name")
    later = take_in([item("zoe", "Okafor Group"), item("ben", "Okafor Holding")], actor=None, channel="api")
    assert [answer.problems[0].value for answer in later] == ["Okafor Group", "Okafor Holding"]
    assert later[1].status == "attached"


def test_a_domain_that_stood_for_the_name_gives_way_and_free_mail_names_no_company(freeze):
    answers = take_in(
        [item("eva", ""), item("ivy", "Okafor Werke"), item("a", "Firma A", "gmail.com"), item("b", "Firma B", "gmail.com")],
        actor=None, channel="import",
    )  # fmt: skip
    assert sorted(Company.objects.values_list("name", flat=True)) == ["Firma A", "Firma B", "Okafor Werke"]
    assert not any(answer.problems for answer in answers)
