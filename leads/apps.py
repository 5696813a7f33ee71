from django.apps import AppConfig

from leads.roles import EVERYONE, HEADS, MARKETING, SALES, grant


class LeadsConfig(AppConfig):
    name = "leads"
    verbose_name = "Facts"

    def ready(self) -> None:
        from leads.importing import wiring

        wiring.connect()
        from leads import wiring as own_wiring

        own_wiring.connect()
        grant(EVERYONE, ["leads.view_lead"])
        grant((*HEADS, "administrator"), ["leads.remind_notice"])
        grant((*MARKETING, *HEADS, "administrator"), ["leads.see_all_leads", "leads.export_leads"])
        grant(("sales_manager",), ["leads.see_team_leads", "leads.export_leads"])
        writers = ("marketing", "marketing_ops", "head_of_marketing", "administrator")
        grant(writers, ["leads.import_leads", "leads.change_lead", "leads.add_lead"])
        grant((*SALES, "marketing_ops", "administrator"), ["leads.record_outcome"])
        catalogue = [f"leads.{verb}_{name}" for name in ("product", "campaign", "asset") for verb in ("view", "add", "change")]
        grant((*MARKETING, "administrator"), catalogue)
        grant(("head_of_sales", "sales_manager"), ["leads.view_product", "leads.change_product"])
        facts = ("company", "leadfield", "reason", "valuelist", "valuelistrevision")
        grant(
            ("marketing_ops", "head_of_marketing", "administrator"),
            [f"leads.{verb}_{name}" for name in facts for verb in ("view", "add", "change")],
        )
        grant(
            ("marketing_ops", "administrator"),
            [f"leads.{verb}_{name}" for name in ("apikey",) for verb in ("view", "add", "change")] + ["leads.view_submission"],
        )
        people = ("user", "team", "teammember")
        grant(
            ("administrator",),
            [f"leads.{verb}_{name}" for name in people for verb in ("view", "add", "change")]
            + ["leads.delete_teammember", "leads.view_job", "leads.change_job", "leads.view_outbox", "leads.change_outbox"]
            + ["leads.view_leadevent", "leads.view_activity", "leads.view_heartbeat"]
            + [f"leads.{verb}_webhook" for verb in ("view", "add", "change")]
            + [f"leads.{verb}_mailtext" for verb in ("view", "add", "change", "delete")],
        )
