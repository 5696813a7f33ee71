"""Policies: what is promised about time, step by step. Saving one that hand-offs follow makes its next version."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Exists, OuterRef, Prefetch, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from handoff.actions.ordering import next_position
from handoff.actions.revising import is_policy_used, revise_policy
from handoff.admin.fields import DurationField, hours_of
from handoff.admin.versions import SeenForm, VersionedAdmin, tell_version
from handoff.models import Handoff, SlaPolicy, SlaStep, SlaTarget, WorkCalendar
from handoff.policyscope import Names, scope_words
from handoff.scopeform import FIELDS, scope_field, scope_of
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
    scope_tier = scope_field("tier")
    scope_source = scope_field("source")
    scope_product = scope_field("product")
    scope_team = scope_field("team")
    calendar_key = forms.ChoiceField(label="Calendar", help_text="Used where a promise does not follow the rep's own hours.")

    class Meta:
        model = SlaPolicy
        fields = ("name", "key", "calendar_key", "reassign_cap", "on_leave")
        labels = {"reassign_cap": "Move at most", "on_leave": "When the rep is away"}
        help_texts = {
            "key": "Names the policy through all its versions; never changes.",
            "reassign_cap": "How often a hand-off nobody answers goes to another rep before it goes back to marketing.",
            "on_leave": "What waits for an answer or a first attempt. On hold only as long as its promise may be, else it goes on.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["calendar_key"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = calendar_choices()
        for kind, name in FIELDS.items():
            if name in self.fields and self.instance.pk:
                self.initial[name] = [str(value) for value in self.instance.scope.get(kind, ())]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        is_fallback = (self.instance.key or cleaned.get("key")) == SlaPolicy.FALLBACK
        if not is_fallback and not scope_of(cleaned) and not self.errors.keys() & set(FIELDS.values()):
            self.add_error(
                "scope_tier", "Choose what it is for: a tier, a source, a product or a team. The fallback takes the rest."
            )
        return cleaned

    def _post_clean(self) -> None:
        """A scope is one column, made of four choices."""
        if FIELDS["tier"] in self.fields:
            self.instance.scope = scope_of(self.cleaned_data)
        super()._post_clean()  # type: ignore[misc]


@admin.register(SlaPolicy)
class SlaPolicyAdmin(VersionedAdmin[SlaPolicy]):
    setup_group = "Hand-off"
    setup_intro = (
        "What sales promises about time. A changed policy holds for hand-offs that come from then on; the others keep theirs."
    )
    form = PolicyForm
    inlines = (TargetInline,)

    list_display = ("name", "asked_for", "promised", "calendar_key", "is_used", "version", "in_force")
    search_fields = ("name", "key")
    ordering = ("position", "key", "-version")
    fieldsets = (
        ("What the policy is called", {"fields": ("name", "key", "seen")}),
        (
            "Which hand-offs it is for",
            {
                "fields": tuple(FIELDS.values()),
                "description": "All that is chosen must hold; of several values of a kind one is enough. The first policy that fits applies.",
            },
        ),
        ("Which hours count", {"fields": ("calendar_key",)}),
        ("When nobody answers, or the rep is away", {"fields": ("reassign_cap", "on_leave")}),
        ("What happens when", {"fields": ("steps",)}),
    )
    fieldsets_kept = (
        ("What the policy is called", {"fields": ("name", "key")}),
        ("Which hand-offs it is for", {"fields": ("asked_for",)}),
        ("Which hours count", {"fields": ("calendar_key",)}),
        ("When nobody answers, or the rep is away", {"fields": ("reassign_cap", "on_leave")}),
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
        return ("key", "steps", "promised", "asked_for") if obj else ("steps", "asked_for")

    def get_fieldsets(self, request: HttpRequest, obj: SlaPolicy | None = None) -> Any:
        """The fallback asks nothing: it says so instead of offering choices."""
        sets = super().get_fieldsets(request, obj)
        if obj is None or not obj.is_fallback:
            return sets
        return tuple(
            (title, {"fields": ("asked_for",)} if title == "Which hand-offs it is for" else told) for title, told in sets
        )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        words = '{} The first that fits applies: <a href="{}">which policy applies, and in which order they are asked</a>.'
        told = format_html(words, self.setup_intro, reverse("admin:policy-order"))
        return super().changelist_view(request, {"setup_intro": told, **(extra_context or {})})

    def has_delete_permission(self, request: HttpRequest, obj: SlaPolicy | None = None) -> bool:
        return obj is not None and not obj.is_fallback and super().has_delete_permission(request, obj) and not is_policy_used(obj)

    def save_model(self, request: HttpRequest, obj: SlaPolicy, form: Any, change: bool) -> None:
        """A new policy is stored here; a changed one together with its promises, in `save_related`."""
        if not change:
            obj.effective_from, obj.position = clock.now(), next_position()
            obj.save()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        policy = form.instance
        touched = form.has_changed() or any(formset.has_changed() for formset in formsets)
        if not change or not touched:
            super().save_related(request, form, formsets, change)
            return
        names = ["name", "scope", "calendar_key", "reassign_cap", "on_leave"]
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
        replan = reverse("admin:policy-replan", args=[revised.key])
        tell_version(request, "Hand-offs follow", stored.version, revised.version, replan=replan)

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

    @admin.display(description="for")
    def asked_for(self, policy: SlaPolicy) -> str:
        return scope_words(policy.scope, Names())

    def get_list_display(self, request: HttpRequest) -> Any:
        """Products and teams are read once for all rows."""
        names = Names()

        @admin.display(description="for")
        def asked_for(policy: SlaPolicy) -> str:
            return scope_words(policy.scope, names)

        return [asked_for if column == "asked_for" else column for column in self.list_display]

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
