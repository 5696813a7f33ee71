"""What people fill in on a packet: they check shape and range, the verbs decide."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django import forms
from django.db.models import QuerySet

from handoff.actions.assigning import may_be_given
from handoff.actions.working import check_return
from handoff.models import RejectionReview
from handoff.rejecting import choosable
from leads.errors import Invalid
from leads.models import Reason, User

NOTE_LENGTH = 500


def _note(label: str = "Note", *, rows: int = 2, required: bool = False, help_text: str = "") -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": rows})
    return forms.CharField(label=label, required=required, max_length=NOTE_LENGTH, widget=widget, help_text=help_text)


def _amount(*, required: bool = False) -> forms.DecimalField:
    return forms.DecimalField(
        label="Amount",
        required=required,
        min_value=0,
        max_digits=14,
        decimal_places=2,
        help_text="What the deal is worth, in the company's currency.",
    )


class ConvertForm(forms.Form):
    amount = _amount()
    next_step_on = forms.DateField(label="Next step on", required=False, widget=forms.DateInput(attrs={"type": "date"}))


class WinForm(forms.Form):
    amount = _amount()
    note = _note()


class LoseForm(forms.Form):
    reason = forms.ModelChoiceField(
        Reason.objects.none(),
        to_field_name="code",
        empty_label="Choose a reason",
        label="Why was it lost?",
    )
    note = _note("In your words")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["reason"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = choosable(lost=True)


class GiveUpForm(forms.Form):
    note = _note("Why do you give up?", help_text="Needed before the agreed number of attempts is made.")
    return_on = forms.DateField(
        label="Come back on",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Empty: marketing decides when.",
    )


class WithdrawForm(forms.Form):
    reason = forms.CharField(
        label="Why", max_length=200, help_text="The hand-off ends and the lead is a prospect again; whoever has it is told."
    )


class HoldForm(forms.Form):
    """Why a hand-off is put on hold and on which day it goes on, at the latest on `last`."""

    reason = forms.CharField(label="Why", max_length=120, widget=forms.TextInput(attrs={"placeholder": "Call me on the 12th"}))
    until = forms.DateField(label="Goes on", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, last: date | None = None, words: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["until"].help_text = words
        if last is not None:
            self.fields["until"].widget.attrs["max"] = last.isoformat()


class ReassignForm(forms.Form):
    to = forms.ModelChoiceField(
        User.objects.none(),
        empty_label="Choose a rep",
        label="To",
        error_messages={"invalid_choice": "Choose somebody you manage who takes leads now."},
    )
    reason = forms.CharField(label="Why", max_length=200)

    def __init__(self, *args: Any, reps: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["to"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = reps if reps is not None else User.objects.none()
        if not field.queryset.exists():
            field.help_text = "Nobody you manage takes leads now. Setup, Reps says who is switched off."


class CoverForm(forms.Form):
    """Who covers for somebody, and for what of theirs. `reps` are those there now."""

    to = forms.MultipleChoiceField(
        error_messages={
            "required": "Choose at least one rep who covers.",
            "invalid_choice": "Choose among those who take leads now and are not away.",
        }
    )
    what = forms.ChoiceField(
        choices=(("timed", "What waits for an answer or a first attempt"), ("all", "Everything in hand, opportunities included")),
        initial="timed",
    )
    reason = forms.CharField(max_length=200, required=False)

    def __init__(self, *args: Any, reps: Sequence[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reps = {str(one.pk): one for one in reps}
        to = self.fields["to"]
        assert isinstance(to, forms.MultipleChoiceField)
        to.choices = [(key, str(one)) for key, one in self.reps.items()]

    @property
    def chosen(self) -> list[User]:
        return [self.reps[key] for key in self.cleaned_data["to"]]


class ReviewForm(forms.Form):
    """Marketing's verdict on one rejection or several."""

    ids = forms.TypedMultipleChoiceField(coerce=int, error_messages={"required": "Select at least one rejection."})
    verdict = forms.ChoiceField(choices=RejectionReview.Verdict.choices)
    note = _note()
    return_on = forms.DateField(required=False, label="Come back on")

    def __init__(self, *args: Any, actor: User, now: datetime, known: list[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actor, self.now = actor, now
        ids = self.fields["ids"]
        assert isinstance(ids, forms.TypedMultipleChoiceField)
        ids.choices = [(pk, pk) for pk in known]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        verdict, back = cleaned.get("verdict"), cleaned.get("return_on")
        if verdict == RejectionReview.Verdict.DISPUTE and not cleaned.get("note", "").strip():
            self.add_error("note", "Say what you doubt; the rep reads it.")
        if verdict == RejectionReview.Verdict.RECYCLE:
            try:
                check_return(back, actor=self.actor, now=self.now)
            except Invalid as wrong:
                self.add_error("return_on", wrong.message)
        return cleaned


class SettleForm(forms.Form):
    """How a dispute about a rejection ends."""

    stands = forms.TypedChoiceField(
        label="The rejection",
        choices=(("yes", "stands"), ("no", "is taken back: hand the lead over again")),
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
    )
    note = _note("In words", required=True)


def reps_to_choose(actor: User) -> QuerySet[User]:
    """Whom `actor` may give a hand-off to, by name; who is away or full is for the manager to know."""
    return may_be_given(actor).filter(is_active=True, rep__takes_leads=True).order_by("full_name", "pk")


def problems_of(form: forms.Form) -> str:
    """All that is wrong with a form in one line, for where its inputs are not drawn again."""
    return " ".join(str(words) for errors in form.errors.values() for words in errors)
