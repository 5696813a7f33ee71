"""How many queries each list page takes, whatever the number of rows. Raise a figure only for a reason; lower it gladly."""

# address: (who asks, number of queries)
COUNTS: dict[str, tuple[str, int]] = {
    "admin:lead-list": ("marketer", 13),
    "admin:inbox": ("rep", 13),
    "admin:inbox-pulse": ("rep", 10),
    "admin:sla-board": ("manager", 22),
    "admin:sla-board-pulse": ("manager", 13),
    "admin:time-report": ("manager", 13),
    "admin:rejection-list": ("marketer", 19),
    "admin:import-list": ("marketer", 7),
    "admin:notification-list": ("rep", 7),
    "admin:criteria": ("marketer", 7),
    "admin:leads_company_changelist": ("admin", 6),
    "admin:leads_campaign_changelist": ("marketer", 11),
    "admin:leads_user_changelist": ("admin", 10),
    "admin:handoff_handoff_changelist": ("admin", 7),
}
