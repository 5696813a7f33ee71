"""The page of one promise: within what time, on which clock, and what happens at each point of that time."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString

from handoff.actions.revising import is_policy_used, revise_policy
from handoff.admin.fields import DurationField, MinutesField, hours_of
from handoff.admin.ladderpicture import ladder_picture
from handoff.admin.policies import AUDIENCES, CHANNELS, CLOCK_WORDS, TargetForm, carry_over, step_words
from handoff.admin.versions import SeenForm, VersionedAdmin, tell_version
from handoff.models import SlaStep, SlaTarget
from handoff.states import ClockKind
from leads import clock


class StepForm(forms.ModelForm[SlaStep]):
    after_us = DurationField(label="Hours past due", required=False)
    digest_s = MinutesField(
        label="Gather mails, min", required=False, help_text="So long are mails of such steps gathered into one."
    )
    audience = forms.MultipleChoiceField(choices=AUDIENCES, widget=forms.CheckboxSelectMultiple, required=False, label="Tell")
    channels = forms.MultipleChoiceField(choices=CHANNELS, widget=forms.CheckboxSelectMultiple, required=False, label="How")

    class Meta:
        model = SlaStep
        fields = ("code", "percent", "after_us", "action", "audience", "channels", "digest_s", "urgent")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if (cleaned.get("percent") is None) == (cleaned.get("after_us") is None):
            self.add_error("percent", "Give either the share of the time or the hours past due.")
        if cleaned.get("action") == SlaStep.Action.BREACH and cleaned.get("percent") != 100:
            self.add_error("percent", "The breach is at 100 %.")
        return cleaned


class PromiseForm(SeenForm, TargetForm):
    """A promise on its own page."""

    class Meta(TargetForm.Meta):
        pass


class StepInline(admin.TabularInline[SlaStep, SlaTarget]):
    model = SlaStep
    form = StepForm
    extra = 0
    verbose_name = "step"


@admin.register(SlaTarget)
class SlaTargetAdmin(VersionedAdmin[SlaTarget]):
    setup_group = "Hand-off"
    setup_intro = "One promise of a policy with its steps: whom to tell when, and what to do when it is missed."
    form = PromiseForm
    inlines = (StepInline,)
    list_display = ("promise", "within", "measured_in", "calendar_from", "policy", "step_count")
    list_filter = ("kind", "clock")
    list_select_related = ("policy",)
    ordering = ("policy__key", "-policy__version", "pk")
    fieldsets = (
        ("What is promised", {"fields": ("kind", "duration_us", "clock", "calendar_from", "seen")}),
        ("What is allowed", {"fields": ("backdate_us", "pause_cap_us")}),
        ("What happens when", {"fields": ("picture",), "description": "As saved, in the promise's own time."}),
    )
    fieldsets_kept = (
        ("What is promised", {"fields": ("promise", "within", "measured_in", "calendar_from")}),
        ("What is allowed", {"fields": ("late", "held")}),
        ("What happens when", {"fields": ("picture",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[SlaTarget]:
        return super().get_queryset(request).annotate(steps_counted=Count("steps"))

    def get_readonly_fields(self, request: HttpRequest, obj: SlaTarget | None = None) -> tuple[str, ...]:
        return ("kind", "promise", "within", "measured_in", "late", "held", "picture")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Promises are added on the page of their policy."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: SlaTarget | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: SlaTarget, form: Any, change: bool) -> None:
        """Stored together with the steps, in `save_related`."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        target = form.instance
        names = [name for name in form.changed_data if name in TargetForm.Meta.fields]
        if not (names or any(formset.has_changed() for formset in formsets)):
            return
        policy = target.policy
        if not is_policy_used(policy):
            if names:
                target.save(update_fields=names)
            super().save_related(request, form, formsets, change)
            return
        revised, targets = revise_policy(policy, at=clock.now())
        copy = targets[target.pk]
        for name in names:
            setattr(copy, name, getattr(target, name))
        copy.save()
        steps = dict(zip(_step_ids(target.pk), _step_ids(copy.pk), strict=True))
        for formset in formsets:
            carry_over(formset, steps, target=copy)
        target.pk = copy.pk  # what was changed is told of the copy, and its page comes next
        replan = reverse("admin:policy-replan", args=[revised.key])
        tell_version(request, "Hand-offs follow", policy.version, revised.version, replan=replan)

    def response_change(self, request: HttpRequest, obj: SlaTarget) -> HttpResponse:
        if request.resolver_match is not None and request.resolver_match.kwargs["object_id"] == str(obj.pk):
            return super().response_change(request, obj)
        return HttpResponseRedirect(reverse("admin:handoff_slatarget_change", args=[obj.pk]))

    @admin.display(description="promise", ordering="kind")
    def promise(self, target: SlaTarget) -> str:
        return str(ClockKind(target.kind).label)

    @admin.display(description="within", ordering="duration_us")
    def within(self, target: SlaTarget) -> str:
        return hours_of(target.duration_us)

    @admin.display(description="measured in", ordering="clock")
    def measured_in(self, target: SlaTarget) -> str:
        return CLOCK_WORDS[SlaTarget.Clock(target.clock)]

    @admin.display(description="logged late")
    def late(self, target: SlaTarget) -> str:
        return hours_of(target.backdate_us or None)

    @admin.display(description="hold at most")
    def held(self, target: SlaTarget) -> str:
        return hours_of(target.pause_cap_us)

    @admin.display(description="step by step")
    def picture(self, target: SlaTarget) -> SafeString | str:
        return ladder_picture(target, step_words)

    @admin.display(description="steps", ordering="steps_counted")
    def step_count(self, target: Any) -> int:
        return int(target.steps_counted)


def _step_ids(target_id: int) -> list[int]:
    return list(SlaStep.objects.filter(target_id=target_id).order_by("code").values_list("pk", flat=True))
