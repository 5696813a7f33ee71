from django.apps import AppConfig

from leads.roles import MARKETING, grant


class HandoffConfig(AppConfig):
    name = "handoff"
    verbose_name = "Hand-off"

    def ready(self) -> None:
        grant(("rep", "sales_manager"), ["handoff.answer_handoff"])
        grant(("rep", "sales_manager", "head_of_sales"), ["handoff.work_handoff"])
        grant(("sales_manager", "head_of_sales", "administrator"), ["handoff.assign_handoff"])
        grant(MARKETING, ["handoff.review_handoff"])
        setup = ("workcalendar", "calendarday", "slapolicy", "slatarget", "slastep", "rep", "leave")
        grant(("administrator",), [f"handoff.{verb}_{name}" for name in setup for verb in ("view", "add", "change", "delete")])
        grant(("administrator", "sales_manager", "head_of_sales"), ["handoff.view_handoff"])
        grant(("administrator", "marketing_ops", "head_of_marketing"), ["handoff.view_rejectionreview"])
        grant(
            ("sales_manager", "head_of_sales"),
            [f"handoff.{verb}_{name}" for name in ("rep", "leave") for verb in ("view", "add", "change")]
            + ["handoff.delete_leave"],
        )
        from handoff import broadcasts, navigation, notice_words, panels
        from handoff.actions.working import close_by_outcome
        from handoff.forgetting import follow_merged, forget_erased
        from handoff.in_use import cases_that_ended, leads_handed_over, left_by, open_since
        from handoff.receiving import no_handoff
        from handoff.routing import weekly_capacity
        from leads import hooks
        from scoring.slots import slots as scoring_slots

        scoring_slots.weekly_capacity = weekly_capacity
        scoring_slots.no_handoff = no_handoff
        hooks.lead_merged.append(follow_merged)
        hooks.lead_erased.append(forget_erased)
        hooks.leads_in_use.append(leads_handed_over)
        hooks.cases_in_use.append(cases_that_ended)
        hooks.left_by_people.append(left_by)
        notice_words.register_kinds()
        broadcasts.register_events()
        navigation.connect()
        panels.connect()
        hooks.open_since.append(open_since)
        hooks.outcome_recorded.append(close_by_outcome)
