"""Own words of mails: read strictly where they are typed, harmless in HTML, and the standard ones whenever they are taken away."""

import pytest

from leads.actions import mailtexts as verbs
from leads.errors import Invalid, NotAllowed
from leads.models import MailText, Outbox
from leads.notify.composing import compose
from leads.notify.mailwords import (
    STANDARD_SUBJECT,
    STANDARD_TEXT,
    SUBJECT_VARIABLES,
    VARIABLES,
    Unreadable,
    as_html,
    as_text,
    parse,
)
from leads.notify.outbox import deliver

KIND = "handoff.offered"


def written(text, **values):
    return as_text(parse(text, VARIABLES), values)


def test_values_and_parts():
    assert written("Hi {{ name }}{{name}}!", name="Vera") == "Hi VeraVera!\n"
    text = "A\n\n{% if lines %}\n{{ lines }}\n{% endif %}\n{% if lead %}{% if note %}N{% endif %}L{% endif %}\nB"
    assert written(text, lead="x") == "A\n\nL\nB\n"
    assert written(text, lead="x", note="y", lines="- 1") == "A\n\n- 1\n\nNL\nB\n"
    assert written("{{ lead }}", lead="{{ site }} {% if name %}", site="s") == "{{ site }} {% if name %}\n"  # a value is no text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\n{{ leed }}", "Line 2: there is no value “leed” here. Did you mean lead?"),
        ("{{ user.password }}", "there is no value"),
        ("{{ lead|safe }}", "there is no value"),
        ("{{ lead.__class__ }}", "there is no value"),
        ("{{ }}", "there is no value"),
        ("\n\n{{ lead", "Line 3: “{{” has no counterpart"),
        ("{{ lead\n}}", "Line 1: “{{” has no counterpart"),
        ("lead }}", "“}}” has no counterpart"),
        ("{% load x %}", "“{% load x %}” is not known"),
        ("{% include 'emails/notice.txt' %}", "is not known"),
        ("{% if lead %}\n", "Line 1: {% if lead %} has no {% endif %}."),
        ("a\n{% endif %}", "Line 2: {% endif %} without"),
        ("{% if nobody %}{% endif %}", "no value “nobody”"),
        ("{% if %}{% endif %}", "is not known"),
    ],
)
def test_what_cannot_be_read_says_where(text, words):
    with pytest.raises(Unreadable) as error:
        parse(text, VARIABLES)
    assert words in str(error.value)


def test_a_subject_names_no_lead():
    for name in VARIABLES.keys() - SUBJECT_VARIABLES.keys():
        with pytest.raises(Unreadable, match="names no lead"):
            parse(f"{{{{ {name} }}}}", SUBJECT_VARIABLES)


def test_html_escapes_values_and_own_words_alike():
    html = as_html(
        parse("<b>Hi</b> {{ lead }}\n\n{{ link }}.", VARIABLES), {"lead": "<script>x</script>", "link": 'https://a.test/?a=1&b="'}
    )
    assert html == (
        "<p>&lt;b&gt;Hi&lt;/b&gt; &lt;script&gt;x&lt;/script&gt;</p>\n"
        '<p><a href="https://a.test/?a=1&amp;b=">https://a.test/?a=1&amp;b=</a>&quot;.</p>'
    )


def test_own_words_are_sent_from_then_on_and_taken_away_again(work, cast, mailoutbox, hands):
    own = verbs.save_mail_text(
        KIND, "[North] {{ subject }}", "Dear {{ name }}\n{{ lead }} ({{ score }}), {{ due }}\n{{ accept }}", actor=cast.admin
    )
    first = work.offered()
    rows = list(Outbox.objects.select_related("recipient").filter(kind=KIND, channel="mail"))
    mail = compose(rows)
    assert mail.subject == "[North] A lead is offered to you"
    assert mail.body.startswith(f"Dear Rita\n{first.lead.name} (72), Mon 8 Jun, 14:00 CEST\nhttp://testserver/answer/")
    html = mail.alternatives[0].content
    assert f"{first.lead.name} (72)" in html
    assert "/answer/" in html
    second = work.offered()
    several = list(Outbox.objects.select_related("recipient").filter(kind=KIND, channel="mail").order_by("pk"))
    assert f"{first.lead.name}, {second.lead.name}" in compose(several).body
    # A text that a later release cannot read loses no mail.
    MailText.objects.update(text="{{ gone }}")
    assert compose(rows).body.startswith("Hello Rita,")
    verbs.reset_mail_text(own, actor=cast.admin)
    standard = compose(rows)
    assert standard.subject == "A lead is offered to you"
    verbs.save_mail_text(KIND, STANDARD_SUBJECT, STANDARD_TEXT, actor=cast.admin)
    same = compose(rows)
    assert same.subject == standard.subject
    for line in ("Hello Rita,", "Open the packet: http://testserver/handoffs/"):
        assert line in standard.body
        assert line in same.body


def test_who_may_and_what_is_refused(work, cast):
    with pytest.raises(NotAllowed):
        verbs.save_mail_text(KIND, "x", "y", actor=cast.marketing_ops)
    with pytest.raises(Invalid, match="no such mails"):
        verbs.save_mail_text("handoff.work", "x", "y", actor=cast.admin)
    with pytest.raises(Invalid, match="names no lead") as wrong:
        verbs.save_mail_text(KIND, "{{ lead }}", "y", actor=cast.admin)
    assert wrong.value.field == "subject"
    assert not MailText.objects.exists()


def test_every_mailed_kind_shows_on_an_invented_lead(cast, db):
    for kind in verbs.mailed_kinds():
        row = verbs.latest(kind, cast.admin)
        verbs.save_mail_text(kind, STANDARD_SUBJECT, STANDARD_TEXT, actor=cast.admin)
        assert "Ivy Okafor" in compose([row]).body, kind


def test_the_page_of_setup(work, cast, client_of, mailoutbox):
    lead = work.offered().lead
    browser = client_of(cast.admin)
    page = browser.get("/setup/leads/mailtext/add/").content.decode()
    for words in (
        "{{ subject }}",
        "{% if accept %}",
        "Values and parts",
        "first name of the person",
        lead.name,
        "/answer/example/",
    ):
        assert words in page, words
    sent = {"kind": KIND, "subject": "News: {{ subject }}", "text": "Dear {{ name }},\n{{ led }}"}
    refused = browser.post("/setup/leads/mailtext/add/", sent).content.decode()
    assert "Line 2: there is no value “led” here. Did you mean lead?" in refused
    shown = browser.post("/mail-texts/preview/", sent).content.decode()
    assert "Line 2" in shown
    sent["text"] = "Dear {{ name }},\n{{ lead }} <i>"
    shown = browser.post("/mail-texts/preview/", sent).content.decode()
    assert "News: A lead is offered to you" in shown
    assert f"Dear Ada,\n{lead.name} &lt;i&gt;" in shown
    assert browser.post("/setup/leads/mailtext/add/", sent).status_code == 302
    own = MailText.objects.get()
    assert (own.kind, own.changed_by) == (KIND, cast.admin)
    change = f"/setup/leads/mailtext/{own.pk}/change/"
    assert "News: A lead is offered to you" in browser.get(change).content.decode()
    assert KIND not in browser.get("/setup/leads/mailtext/add/").context["adminform"].form.fields["kind"].choices
    assert browser.post(change, {"subject": "{{ subject }}", "text": "Short: {{ lead }}"}).status_code == 302
    assert MailText.objects.get().text == "Short: {{ lead }}\n"
    browser.post(f"/mail-texts/{own.pk}/test/")
    Outbox.objects.exclude(kind="leads.mail_test").delete()
    assert deliver() == 1
    (test,) = mailoutbox
    assert (test.to, test.subject, test.body) == (["ada@accord.test"], "Test: A lead is offered to you", f"Short: {lead.name}\n")
    assert browser.post(f"/setup/leads/mailtext/{own.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not MailText.objects.exists()
