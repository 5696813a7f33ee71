from django.apps import AppConfig

from leads.roles import EVERYONE, HEADS, grant


class ScoringConfig(AppConfig):
    name = "scoring"
    verbose_name = "Scoring"

    def ready(self) -> None:
        both_sides = tuple(key for key in EVERYONE if key not in ("rep", "administrator"))
        grant(EVERYONE, ["scoring.see_criteria"])
        grant(both_sides, ["scoring.edit_draft", "scoring.sign_version"])
        grant(HEADS, ["scoring.activate_version"])
        grant(
            ("administrator",),
            ["scoring.edit_draft", "scoring.activate_version"]
            + [f"scoring.{verb}_scoringmodel" for verb in ("view", "add", "change")]
            + ["scoring.view_modelversion", "scoring.view_criterion", "scoring.view_qualification"],
        )
