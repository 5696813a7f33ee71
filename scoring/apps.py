from django.apps import AppConfig

from leads.roles import EVERYONE, HEADS, grant


class ScoringConfig(AppConfig):
    name = "scoring"
    verbose_name = "Scoring"

    def ready(self) -> None:
        both_sides = tuple(key for key in EVERYONE if key not in ("rep", "administrator"))
        grant(EVERYONE, ["scoring.see_criteria", "scoring.discuss_draft"])
        grant(both_sides, ["scoring.edit_draft", "scoring.sign_version"])
        grant(HEADS, ["scoring.activate_version"])
        grant(
            ("administrator",),
            ["scoring.edit_draft", "scoring.activate_version"]
            + [f"scoring.{verb}_scoringmodel" for verb in ("view", "add", "change")]
            + [f"scoring.view_{name}" for name in ("modelversion", "criterion", "qualification", "activation")],
        )
        from leads import hooks, jobs
        from scoring import checks, panels  # noqa: F401 - checks register themselves
        from scoring.actions.activating import KIND, TRIAL
        from scoring.activation import ActivationWork
        from scoring.filling import TrialWork
        from scoring.forgetting import claim_states, forget_erased, forget_merged
        from scoring.in_use import campaigns_of_versions, fields_of_versions
        from scoring.notices import register_kinds

        panels.connect()
        register_kinds()
        jobs.works.update({KIND: ActivationWork, TRIAL: TrialWork})
        hooks.lead_merged.append(forget_merged)
        hooks.lead_erased.append(forget_erased)
        hooks.fields_in_use.append(fields_of_versions)
        hooks.campaigns_in_use.append(campaigns_of_versions)
        hooks.leads_going.append(claim_states)
