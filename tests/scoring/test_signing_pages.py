"""The sign-off card as people use it: proposed, signed, objected to, taken back, put into force, each by a form."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from leads import jobs
from leads.models import Reason, User
from scoring.actions.criteria import add_criterion, edit_criterion
from scoring.actions.signing import give_verdict, propose_version, take_back
from scoring.actions.versions import create_draft, create_model
from scoring.models import Activation, Evidence, ModelVersion, ScoringModel, SignOff
from scoring.signoff import NOBODY
from tests.scoring.samples import a_test, clause
from tests.scoring.test_signing import SIZE, WHY, into_force, sign

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(cast: Any) -> ModelVersion:
    version = create_model("Enterprise", actor=cast.marketer, start="empty")
    add_criterion(version, SIZE, actor=cast.marketer, rev=1)
    return version


def url(name: str, version: ModelVersion) -> str:
    return reverse(f"admin:{name}", args=[version.pk])


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_a_draft_is_proposed_signed_by_both_heads_and_put_into_force(cast: Any, client_of: Any, draft: ModelVersion) -> None:
    page = client_of(cast.marketer).get(url("criteria-draft", draft))
    assert "One leader of marketing" in text(page)
    assert "Propose v1" in text(page)
    assert "into force" not in text(page).split("Sign-off")[1].split("How it decides")[0]
    page = client_of(cast.marketer).post(url("version-propose", draft), {"rev": 2, "reason": WHY}, follow=True)
    assert "v1 is proposed. Both sides can sign it now." in text(page)
    draft.refresh_from_db()
    for number, head in enumerate((cast.head_of_marketing, cast.head_of_sales), start=1):
        page = client_of(head).post(url("version-verdict", draft), {"verdict": "agree", "hash": draft.spec_hash}, follow=True)
        assert f"{number} of 2" in text(page)
        assert str(head) in text(page)
    assert "Put v1 into force" in text(page)
    page = client_of(head).post(url("criteria-activate", draft), {"rev": 2, "reason": WHY, "wave": "none"}, follow=True)
    assert "v1 comes into force" in text(page)
    jobs.run_once()
    history = text(client_of(cast.rep).get(url("criteria-version", draft)))
    for words in ("Maya Marketer proposed it", "Hanna Head signed", "Jonas Head put it into force"):
        assert words in history


def test_what_was_typed_is_still_there_after_a_refusal(cast: Any, client_of: Any, draft: ModelVersion) -> None:
    add_criterion(draft, a_test("other", 5, clause("lead.country", "known"), label="Other"), actor=cast.manager, rev=2)
    late = client_of(cast.marketer).post(url("version-propose", draft), {"rev": 2, "reason": "Because of the fair."})
    assert (late.status_code, "Because of the fair." in text(late)) == (409, True)
    assert "changed or proposed meanwhile" in text(late)
    propose_version(draft, actor=cast.marketer, rev=3, reason=WHY)
    answer = client_of(cast.manager).post(
        url("version-verdict", draft), {"verdict": "object", "hash": draft.spec_hash, "note": " "}
    )
    assert (answer.status_code, "Say what should change" in text(answer)) == (422, True)
    answer = client_of(cast.manager).post(url("version-verdict", draft), {"verdict": "object", "hash": "0", "note": "From 50."})
    assert (answer.status_code, "From 50." in text(answer)) == (409, True)
    assert not SignOff.objects.exists()


def test_an_objection_is_read_on_the_card_and_the_version_taken_back(cast: Any, client_of: Any, draft: ModelVersion) -> None:
    propose_version(draft, actor=cast.marketer, rev=2, reason=WHY)
    sign(draft, cast.head_of_marketing)
    page = client_of(cast.manager).post(
        url("version-verdict", draft), {"verdict": "object", "hash": draft.spec_hash, "note": "Size from 50."}, follow=True
    )
    assert "asked for a change" in text(page)
    assert "Size from 50." in text(page)
    refused = client_of(cast.head_of_sales).post(url("criteria-activate", draft), {"rev": 2, "reason": WHY})
    assert refused.status_code == 409
    assert "Mona Manager asked for a change" in text(refused)
    assert not Activation.objects.exists()
    page = client_of(cast.marketer).post(url("version-take-back", draft), follow=True)
    assert "Void by that: the signature of Hanna Head." in text(page)
    assert "took v1 back to edit it. Void by that: the signature of Hanna Head" in text(page)
    assert client_of(cast.marketer).post(url("version-take-back", draft)).status_code == 409
    stale = client_of(cast.head_of_sales).post(url("criteria-activate", draft), {"rev": 2, "reason": WHY})
    assert stale.status_code == 409
    assert re.search(r"Maya Marketer took it back to edit it on \d+ \w+, \d\d:\d\d", text(stale))
    card = text(stale).split("Sign-off")[1]
    assert "void since taken back by Maya Marketer" in card
    assert "1 of 2" not in card
    assert 'class="is-signed"' not in stale.content.decode()


def test_evidence_is_added_and_taken_away_on_the_card(cast: Any, client_of: Any, draft: ModelVersion) -> None:
    browser = client_of(cast.marketer)
    reason = Reason.objects.create(code="too_tiny", label="Too tiny", for_reject=True)
    said = {"kind": "reason", "evidence-reason": reason.pk, "evidence-note": "They never buy."}
    page = browser.post(url("evidence-add", draft), said, follow=True)
    assert "They never buy." in text(page)
    wrong = browser.post(url("evidence-add", draft), {"kind": "leads", "url": "/nowhere/", "label": "My list"})
    assert (wrong.status_code, "That is no lead list" in text(wrong), "My list" in wrong.content.decode()) == (422, True, True)
    browser.post(reverse("admin:evidence-remove", args=[Evidence.objects.get().pk]))
    assert not Evidence.objects.exists()


def test_who_is_switched_off_no_longer_answers_for_a_version(cast: Any, client_of: Any, make: Any, draft: ModelVersion) -> None:
    propose_version(draft, actor=cast.marketer, rev=2, reason=WHY)
    sign(draft, cast.head_of_marketing, cast.head_of_sales)
    give_verdict(draft, actor=cast.manager, verdict="object", spec_hash=draft.spec_hash, note="Size from 50.")
    User.objects.filter(pk__in=(cast.head_of_marketing.pk, cast.manager.pk)).update(is_active=False)
    head = client_of(cast.head_of_sales)
    page = text(head.get(url("criteria-version", draft)))
    assert "Hanna Head Leader, marketing signed" in page
    assert page.count("no longer counts: switched off since") == 3  # two of them in the list, one where it says why not
    assert "1 of 2" in page
    refused = head.post(url("criteria-activate", draft), {"rev": 2, "reason": WHY})
    assert refused.status_code == 409
    assert "the signature of one leader of marketing is missing (that of" in text(refused)
    sign(draft, make.user("next@accord.test", "Nele Next", "head_of_marketing"))
    assert "Put v1 into force" in text(head.get(url("criteria-version", draft)))  # nobody could take the objection back
    into_force(
        draft, SimpleNamespace(head_of_marketing=User.objects.get(full_name="Nele Next"), head_of_sales=cast.head_of_sales)
    )
    User.objects.filter(full_name="Nele Next").update(is_active=False)
    held = text(head.get(url("criteria-version", draft)))
    assert ("2 of 2" in held, "no longer counts" in held) == (True, False)


def test_an_earlier_version_offers_leaders_to_return_to_it(cast: Any, client_of: Any, draft: ModelVersion) -> None:
    propose_version(draft, actor=cast.marketer, rev=2, reason=WHY)
    into_force(draft, cast)
    second = create_draft(draft.model, actor=cast.marketer)
    propose_version(second, actor=cast.marketer, rev=1, reason="The same again.")
    into_force(second, cast)
    head = client_of(cast.head_of_sales)
    assert "Return to v1" in text(head.get(url("criteria-version", draft)))
    assert "Return to v1" not in text(client_of(cast.marketer).get(url("criteria-version", draft)))
    assert head.post(url("version-return", draft), {"reason": ""}).status_code == 422
    assert client_of(cast.marketer).post(url("version-return", draft), {"reason": "Go"}).status_code == 403
    page = head.post(url("version-return", draft), {"reason": "Too few leads."}, follow=True)
    assert "v3 comes into force with the content of v1" in text(page)
    assert "Jonas Head returned to an earlier version v1: Too few leads." in text(page)


def test_who_speaks_for_both_sides_chooses_one(cast: Any, client_of: Any, make: Any, draft: ModelVersion) -> None:
    both = make.user("both@accord.test", "Bo Both", "marketing", "sales_manager")
    propose_version(draft, actor=cast.marketer, rev=2, reason=WHY)
    browser = client_of(both)
    assert "You speak for" in text(browser.get(url("criteria-version", draft)))
    browser.post(url("version-verdict", draft), {"verdict": "agree", "hash": draft.spec_hash, "side": "sales"})
    assert SignOff.objects.get().side == "sales"
    give_verdict(draft, actor=both, verdict="object", spec_hash=draft.spec_hash, note="No.", side="sales")
    assert SignOff.objects.get().verdict == "object"


def test_an_administrator_says_how_many_sign_for_each_side(cast: Any, client_of: Any, draft: ModelVersion) -> None:
    browser = client_of(cast.admin)
    url = reverse("admin:scoring_scoringmodel_change", args=[draft.model_id])
    page = browser.get(url)
    assert "Leaders of marketing" in text(page)
    form = page.context["adminform"].form
    given = {name: "" if (value := form[name].value()) is None else str(value) for name in form.fields}
    assert [given[name] for name in ("marketing_leader", "marketing_doer", "sales_leader", "sales_doer")] == ["1", "0", "1", "0"]
    wanted = {"marketing_leader": "1", "marketing_doer": "0", "sales_leader": "1", "sales_doer": "2"}
    assert browser.post(url, given | wanted).status_code == 302
    draft.model.refresh_from_db()
    assert draft.model.signers == {"marketing": {"doer": 0, "leader": 1}, "sales": {"doer": 2, "leader": 1}}
    assert browser.post(url, given | wanted | {"sales_doer": "-1"}).status_code == 200
    assert "Two doers of sales" in text(client_of(cast.marketer).get(f"/criteria/drafts/{draft.pk}/"))


def test_wrong_evidence_is_named_at_its_form_and_above_and_nothing_else_changes(
    cast: Any, client_of: Any, draft: ModelVersion
) -> None:
    wrong = client_of(cast.marketer).post(url("evidence-add", draft), {"kind": "report", "url": "intranet/report"})
    page = wrong.content.decode()
    assert wrong.status_code == 422
    assert re.search(rf'id="points-{SIZE["key"]}" type="number" name="points" value="{SIZE["points"]}"', page)
    assert "csrfmiddlewaretoken&#x27;" not in page
    above, form = page.split('id="evidence-add"')
    assert "Give the report’s address" in above or "Give the report&#x27;s address" in above
    assert 'href="#evidence-add"' in above
    field = re.search(r'<input id="evidence-url"[^>]*>', form)
    assert field is not None
    assert 'autofocus aria-invalid="true" aria-describedby="evidence-error"' in field[0]
    assert 'value="intranet/report"' in field[0]
    assert "Give the report" in form.split("</form>")[0]


def test_home_asks_those_whose_signature_is_missing_until_they_gave_it(cast: Any, client_of: Any, draft: ModelVersion) -> None:
    def asked(person: Any) -> bool:
        return "Waits for your signature" in text(client_of(person).get("/"))

    heads = (cast.head_of_marketing, cast.head_of_sales)
    assert not any(map(asked, heads))
    propose_version(draft, actor=cast.marketer, rev=2, reason=WHY)
    draft.refresh_from_db()
    assert all(map(asked, heads))
    assert not asked(cast.marketer)
    home = client_of(cast.head_of_sales).get("/")
    assert f"Enterprise v1 Maya Marketer proposed it: {WHY}" in text(home)
    assert f'href="{url("criteria-version", draft)}#signoff"' in home.content.decode()
    sign(draft, cast.head_of_marketing)
    assert [asked(head) for head in heads] == [False, True]
    give_verdict(draft, actor=cast.head_of_sales, verdict="object", spec_hash=draft.spec_hash, note="Too wide.")
    assert not any(map(asked, heads))


def test_a_verdict_shows_on_the_card_of_who_looks_at_it_meanwhile(cast: Any, client_of: Any, draft: ModelVersion) -> None:
    client_of(cast.marketer).post(url("version-propose", draft), {"rev": 2, "reason": WHY})
    draft.refresh_from_db()
    looks = client_of(cast.head_of_sales)

    def poll(page: str) -> Any:
        (address,) = re.findall(rf'hx-get="({url("version-signing", draft)}[^"]*)"', page)
        return looks.get(address, headers={"HX-Request": "true"})

    page = looks.get(url("criteria-version", draft)).content.decode()
    assert poll(page).status_code == 204
    for head, verdict in ((cast.head_of_marketing, "agree"), (cast.manager, "object")):
        client_of(head).post(url("version-verdict", draft), {"verdict": verdict, "hash": draft.spec_hash, "note": "Hm."})
        answer = poll(page)
        page = answer.content.decode()
        assert str(head) in page
        assert 'id="signoff"' in page
        assert 'hx-swap-oob="true"' in page
        assert poll(page).status_code == 204
    client_of(cast.marketer).post(url("version-take-back", draft))
    assert "Maya Marketer took v1 back to edit it" in text(poll(page))
    ModelVersion.objects.filter(pk=draft.pk).update(status="active")
    assert poll(page)["HX-Refresh"] == "true"


def test_who_signs_reads_what_changes_and_what_becomes_of_open_leads(
    cast: Any, client_of: Any, make: Any, draft: ModelVersion
) -> None:
    propose_version(draft, actor=cast.marketer, rev=2, reason=WHY)
    into_force(draft, cast)
    small = make.company(employees=50)
    for stage in ("prospect", "prospect", "prospect", "recycled", "rejected"):
        make.lead(company=small, stage=stage)
    second = create_draft(draft.model, actor=cast.marketer)
    edit_criterion(second.criteria.get(), SIZE | {"when": {"all": [clause("company.employees", "between", low=40)]}},
                   actor=cast.marketer, rev=1)  # fmt: skip
    for number in range(9):
        extra = a_test(
            f"extra{number}", number + 1, clause("lead.country", "in", values=[f"land {number}"]), label=f"Extra {number}"
        )
        add_criterion(second, extra, actor=cast.marketer, rev=number + 2, keep=True)
    propose_version(second, actor=cast.marketer, rev=11, reason=WHY)
    head = client_of(cast.head_of_sales)
    before_sign = text(head.get(url("criteria-version", second))).split("What happens to open leads")[1].split("Sign v2")[0]
    told = before_sign.replace("&nbsp;", " ")
    assert "Newly meet it 5 Recycled, until its day or a new engagement −1" in told
    assert "Rejected, waiting for marketing&#x27;s review −1 Newly qualify 3" in told
    changes = told.split("What changes against v1")[1]
    assert "Company size : when" in changes
    assert "Extra 2 : new (+3 points" in changes.split("2 more changes")[0]
    assert "Extra 8 : new (+9 points" in changes.split("2 more changes")[1]
    sign(second, cast.head_of_marketing, cast.head_of_sales)
    form = text(head.get(url("criteria-version", second))).split("Newly qualify 3")[1]
    assert "Put v2 into force" in form
    take_back(second, actor=cast.marketer)
    ScoringModel.objects.update(signers=NOBODY)  # a draft that comes into force without signatures says it as well
    page = text(head.get(url("criteria-draft", ModelVersion.objects.get(no=3)))).split("What happens to open leads")[1]
    assert ("Newly qualify 3" in page, "2 more changes" in page, "Put v3 into force" in page) == (True, True, True)
