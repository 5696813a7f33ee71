"""Policies: what is promised about time, step by step. Saving one that hand-offs follow makes its next version."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Exists, OuterRef, Prefetch, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from handoff.actions.revising import is_policy_used, revise_policy
from handoff.admin.fields import DurationField, hours_of
from handoff.admin.versions import SeenForm, VersionedAdmin, tell_version
from handoff.models import Handoff, SlaPolicy, SlaStep, SlaTarget, WorkCalendar
from handoff.states import ClockKind
from leads import clock

AUDIENCES = (("owner", "the rep"), ("manager", "the rep's manager"), ("head", "the head of sales"), ("marketing", "marketing"))
CHANNELS = (("inapp", "in the portal"), ("mail", "by mail"))
CLOCK_WORDS = {SlaTarget.Clock.BUSINESS: "working time", SlaTarget.Clock.ELAPSED: "elapsed time"}


def calendar_choices() -> list[tuple[str, str]]:
    """Calendars by key, each by the name of its newest version."""
    names: dict[str, str] = {}
    for key, name in WorkCalendar.objects.order_by("key", "-version").values_list("key", "name"):
        names.setdefault(key, name)
    return sorted(names.items(), key=lambda item: item[1])


def step_words(step: SlaStep) -> str:
    """ "At 85 %: remind the rep, in the portal and by mail"."""
    at = f"At {step.percent} %" if step.percent is not None else f"{hours_of(step.after_us)} past due"
    who = " and ".join(dict(AUDIENCES).get(one, one) for one in step.audience)
    how = " and ".join(dict(CHANNELS).get(one, one) for one in step.channels)
    what = str(step.get_action_display()).lower()
    return f"{at}: {what}" + (f", {who}" if who else "") + (f", {how}" if how else "") + (" (urgent)" if step.urgent else "")


class TargetForm(forms.ModelForm[SlaTarget]):
    duration_us = DurationField(label="Within, h", min_value=0.001)
    backdate_us = DurationField(
        label="Logged late, h",
        required=False,
        help_text="How much later an attempt may be logged and still count with its own time.",
    )
    pause_cap_us = DurationField(label="Hold at most, h", required=False, help_text="Empty: this clock cannot be put on hold.")

    class Meta:
        model = SlaTarget
        fields = ("kind", "clock", "duration_us", "calendar_from", "backdate_us", "pause_cap_us")

    def clean_backdate_us(self) -> int:
        return self.cleaned_data["backdate_us"] or 0

    def clean_pause_cap_us(self) -> int | None:
        return self.cleaned_data["pause_cap_us"] or None


class TargetInline(admin.TabularInline[SlaTarget, SlaPolicy]):
    model = SlaTarget
    form = TargetForm
    extra = 0
    fields = ("kind", "duration_us", "clock", "calendar_from", "backdate_us", "pause_cap_us")
    verbose_name = "promise"
    verbose_name_plural = "promises"
    show_change_link = True
    ordering = ("pk",)


class PolicyForm(SeenForm):
    calendar_key = forms.ChoiceField(label="Calendar", help_text="Used where a promise does not follow the rep's own hours.")

    class Meta:
        model = SlaPolicy
        fields = ("name", "key", "calendar_key", "reassign_cap")
        labels = {"reassign_cap": "Move at most"}
        help_texts = {
            "key": "Names the policy through all its versions; never changes.",
            "reassign_cap": "How often a hand-off nobody answers goes to another rep before it goes back to marketing.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["calendar_key"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = calendar_choices()


@admin.register(SlaPolicy)
class SlaPolicyAdmin(VersionedAdmin[SlaPolicy]):
    setup_group = "Hand-off"
    setup_intro = (
        "What sales promises about time. A changed policy holds for hand-offs that come from then on; the others keep theirs."
    )
    form = PolicyForm
    inlines = (TargetInline,)
    list_display = ("name", "promised", "calendar_key", "is_used", "version", "in_force")
    search_fields = ("name", "key")
    ordering = ("key", "-version")
    fieldsets = (
        ("What the policy is called", {"fields": ("name", "key", "seen")}),
        ("Which hours count", {"fields": ("calendar_key",)}),
        ("When nobody answers", {"fields": ("reassign_cap",)}),
        ("What happens when", {"fields": ("steps",)}),
    )
    fieldsets_kept = (
        ("What the policy is called", {"fields": ("name", "key")}),
        ("Which hours count", {"fields": ("calendar_key",)}),
        ("When nobody answers", {"fields": ("reassign_cap",)}),
        ("What is promised", {"fields": ("promised", "steps")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[SlaPolicy]:
        newest = SlaPolicy.objects.filter(key=OuterRef("key"), effective_from__lte=clock.now()).order_by("-version")
        return (
            super()
            .get_queryset(request)
            .annotate(newest=Subquery(newest.values("version")[:1]), used=Exists(Handoff.objects.filter(policy=OuterRef("pk"))))
            .prefetch_related(Prefetch("targets", SlaTarget.objects.order_by("pk")))
        )

    def get_readonly_fields(self, request: HttpRequest, obj: SlaPolicy | None = None) -> tuple[str, ...]:
        return ("key", "steps", "promised") if obj else ("steps",)

    def has_delete_permission(self, request: HttpRequest, obj: SlaPolicy | None = None) -> bool:
        return obj is not None and super().has_delete_permission(request, obj) and not is_policy_used(obj)

    def save_model(self, request: HttpRequest, obj: SlaPolicy, form: Any, change: bool) -> None:
        """A new policy is stored here; a changed one together with its promises, in `save_related`."""
        if not change:
            obj.effective_from = clock.now()
            obj.save()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        policy = form.instance
        touched = form.has_changed() or any(formset.has_changed() for formset in formsets)
        if not change or not touched:
            super().save_related(request, form, formsets, change)
            return
        names = ["name", "calendar_key", "reassign_cap"]
        if not is_policy_used(policy):
            policy.save(update_fields=names)
            super().save_related(request, form, formsets, change)
            return
        stored = SlaPolicy.objects.get(pk=policy.pk)
        revised, targets = revise_policy(stored, at=clock.now())
        for name in names:
            setattr(revised, name, getattr(policy, name))
        revised.save(update_fields=names)
        for formset in formsets:
            carry_over(formset, {pk: target.pk for pk, target in targets.items()}, policy=revised)
        policy.pk, policy.version = revised.pk, revised.version
        tell_version(request, "Hand-offs follow", stored.version, revised.version)

    @admin.display(description="Step by step")
    def steps(self, policy: SlaPolicy) -> SafeString | str:
        """Every step of every promise in words; they are changed on the page of the promise."""
        if not policy.pk:
            return "Save the policy with its promises first."
        lines = []
        for target in SlaTarget.objects.filter(policy=policy).prefetch_related("steps").order_by("pk"):
            url = reverse("admin:handoff_slatarget_change", args=[target.pk])
            told = format_html_join("", "<li>{}</li>", ((step_words(step),) for step in target.steps.all()))
            lines.append((url, str(target), told))
        return format_html_join("", '<div class="p-steps-told"><a href="{}">{}</a><ul>{}</ul></div>', lines) or "–"

    @admin.display(description="promises")
    def promised(self, policy: SlaPolicy) -> str:
        """In one line; a word in capitals, such as MQO, keeps them."""
        labels = ((str(ClockKind(one.kind).label), hours_of(one.duration_us)) for one in policy.targets.all())
        return ", ".join(f"{label if label[:2].isupper() else label.lower()} {hours}" for label, hours in labels)

    @admin.display(description="in use", boolean=True)
    def is_used(self, policy: Any) -> bool:
        return bool(policy.used)

    @admin.display(description="in force", boolean=True)
    def in_force(self, policy: Any) -> bool:
        return bool(policy.version == policy.newest and (policy.retired_at is None or policy.retired_at > clock.now()))


def carry_over(formset: Any, copies: dict[int, int], **parent: Any) -> None:
    """Put the changes of a formset onto copies of its rows, by the copy of each row's id, instead of onto the rows themselves."""
    model = formset.model
    columns = {field.name for field in model._meta.concrete_fields} - {model._meta.pk.name, formset.fk.name}
    for form in formset.initial_forms + formset.extra_forms:
        if not form.has_changed():
            continue
        copy = copies.get(form.instance.pk or 0)
        if form.cleaned_data.get("DELETE"):
            model.objects.filter(pk=copy).delete()
            continue
        values = {name: value for name, value in form.cleaned_data.items() if name in columns}
        if copy is None:
            model.objects.create(**parent, **values)
        else:
            model.objects.filter(pk=copy).update(**values)
    formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
