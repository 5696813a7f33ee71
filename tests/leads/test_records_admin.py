"""Setup's pages of what the portal writes itself: looked at by administrators, changed by nobody, steered after a question."""

import uuid
from datetime import timedelta

import pytest
from django.contrib import admin

from leads.actions.machine import resume_job, send_again, stop_job
from leads.errors import Conflict, NotAllowed
from leads.models import Activity, Job, LeadEvent, Outbox, Submission
from tests.builders import LONG_AGO

pytestmark = pytest.mark.django_db
PAGES = {model: f"/setup/leads/{model.__name__.lower()}/" for model in (Activity, LeadEvent, Job, Outbox)}


def job(state="running", **fields):
    lease = {"lease": uuid.uuid4(), "lease_until": LONG_AGO + timedelta(days=900)} if state == "running" else {}
    return Job.objects.create(kind="import", state=state, created_at=LONG_AGO, position=5, total=10, **lease, **fields)


def message(key="a", state="dead"):
    due = LONG_AGO if state == "pending" else None
    return Outbox.objects.create(
        key=key, kind="offered", channel="mail", lane="mail", state=state, due_at=LONG_AGO, created_at=LONG_AGO, next_attempt_at=due,
        attempts=7, last_error="refused",
    )  # fmt: skip


@pytest.fixture
def rows(make, cast):
    lead = make.lead("ivy@northwind.test", first_name="<b>Ivy</b>")
    make.activity(lead, "demo_request")
    make.activity(make.lead(), "ebook")
    LeadEvent.objects.create(lead=lead, kind="updated", at=LONG_AGO, changes={"lead.country": ["", "DE"]})
    job()
    message()


@pytest.mark.parametrize("page", PAGES.values())
@pytest.mark.parametrize(
    ("who", "status"), [("admin", 200), ("rep", 403), ("manager", 403), ("marketer", 403), ("outsider", 302)]
)
def test_administrators_look_at_it_and_nobody_else(cast, client_of, rows, page, who, status):
    assert client_of(getattr(cast, who)).get(page).status_code == status


@pytest.mark.parametrize("model", PAGES)
def test_nobody_adds_changes_or_deletes_a_record(cast, client_of, rows, model):
    browser, pk = client_of(cast.admin), model.objects.first().pk
    assert browser.get(f"{PAGES[model]}add/").status_code == 403
    assert browser.get(f"{PAGES[model]}{pk}/change/").status_code == 200
    assert browser.post(f"{PAGES[model]}{pk}/change/", {}).status_code == 403
    assert browser.post(f"{PAGES[model]}{pk}/delete/", {"post": "yes"}).status_code == 403
    assert model.objects.filter(pk=pk).exists()


def test_long_lists_are_searched_by_the_leads_address(cast, client_of, rows):
    browser = client_of(cast.admin)
    page = browser.get(PAGES[Activity], {"q": "IVY@northwind.test"}).content.decode()
    rows_shown = page.split("result_list")[1].split("</table>")[0]
    assert "Requested a demo" in rows_shown
    assert "e-book" not in rows_shown
    assert "<b>Ivy" not in page
    assert browser.get(PAGES[Activity], {"q": "nobody"}).context["cl"].result_count == 0


def test_long_lists_are_counted_only_up_to_a_limit(cast, client_of, rows):
    changelist = client_of(cast.admin).get(PAGES[Activity]).context["cl"]
    assert changelist.paginator.limit == 10_000
    assert changelist.full_result_count is None


def act(browser, page, action, pks, **more):
    return browser.post(page, {"action": action, admin.helpers.ACTION_CHECKBOX_NAME: pks, **more}, follow=True)


def test_a_message_is_sent_again_only_after_a_yes(cast, client_of):
    dead, sent = message("a"), message("b", "sent")
    browser = client_of(cast.admin)
    assert "tried again at once" in act(browser, PAGES[Outbox], "again", [dead.pk, sent.pk]).content.decode()
    dead.refresh_from_db()
    assert dead.state == "dead"
    page = act(browser, PAGES[Outbox], "again", [dead.pk, sent.pk], confirmed="yes").content.decode()
    dead.refresh_from_db()
    sent.refresh_from_db()
    assert (dead.state, dead.attempts, sent.state) == ("pending", 0, "sent")
    assert dead.next_attempt_at is not None
    assert "1 waiting to be sent again." in page
    assert "The others were left" in page


def test_a_job_is_asked_to_stop_and_let_go_on(cast, client_of):
    running, stopped = job(), job("stopped", stop_asked=True)
    browser = client_of(cast.admin)
    act(browser, PAGES[Job], "stop", [running.pk], confirmed="yes")
    act(browser, PAGES[Job], "go_on", [stopped.pk], confirmed="yes")
    running.refresh_from_db()
    stopped.refresh_from_db()
    assert running.stop_asked is True
    assert (stopped.state, stopped.stop_asked) == ("queued", False)


def test_only_who_may_steers_the_machine(cast):
    for verb, row in ((send_again, message()), (stop_job, job()), (resume_job, job("failed"))):
        with pytest.raises(NotAllowed):
            verb(row, actor=cast.marketer)


def test_what_has_ended_is_told_not_forced(cast):
    for verb, row in ((send_again, message(state="sent")), (stop_job, job("done")), (resume_job, job("done"))):
        with pytest.raises(Conflict):
            verb(row, actor=cast.admin)


def test_records_are_told_in_words_and_can_be_narrowed(cast, client_of, rows, make):
    lead = make.lead("otto@quillon.test")
    for kind, status in (("activity", "created"), ("company", "updated"), ("lead", "refused")):
        Submission.objects.create(channel="api", kind=kind, lead=lead, received_at=LONG_AGO, raw={}, status=status)
    Outbox.objects.update(kind="handoff.offered", payload={"lead": "Ivy Okafor"}, recipient=cast.rep)
    browser = client_of(cast.admin)
    page = browser.get("/setup/leads/submission/").content.decode()
    assert "Activity: created" in page
    assert "Company: updated" in page
    assert "a lead" not in page.split("result_list")[1].split("</table>")[0]
    for query, count in (
        ({"kind": "activity"}, 1),
        ({"channel": "import"}, 0),
        ({"q": "otto@quillon.test"}, 3),
        ({"q": "nobody"}, 0),
    ):
        assert browser.get("/setup/leads/submission/", query).context["cl"].result_count == count, query
    page = browser.get(PAGES[LeadEvent], {"kind__exact": "updated"}).content.decode()
    assert "Country: – → DE" in page
    assert "Accord" in page
    LeadEvent.objects.create(lead=lead, kind="owner", at=LONG_AGO, changes={"lead.owner": [None, cast.rep.pk]})
    assert "Owner: – → Rita Rep" in browser.get(PAGES[LeadEvent]).content.decode()
    page = browser.get(PAGES[Outbox], {"q": "rita"}).content.decode()
    assert "Offer" in page
    assert "handoff.offered" not in page
    assert "Ivy Okafor" in page
    assert browser.get(PAGES[Activity], {"kind": "ebook"}).context["cl"].result_count == 1


def test_the_own_account_stays_on_and_nothing_else_is_said(cast, client_of):
    url = f"/setup/leads/user/{cast.admin.pk}/change/"
    browser = client_of(cast.admin)
    sent = {
        "full_name": cast.admin.full_name, "email": cast.admin.email, "initial-is_active": "on", "time_zone": cast.admin.time_zone,
        "groups": [group.pk for group in cast.admin.groups.all()], "memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0",
    }  # fmt: skip
    page = browser.post(url, sent, follow=True)
    assert [str(one) for one in page.context["messages"]] == ["You cannot switch off your own account. It stays on."]
    cast.admin.refresh_from_db()
    assert cast.admin.is_active
