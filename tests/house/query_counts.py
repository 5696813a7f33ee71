"""How many queries each list page takes, whatever the number of rows. Raise a figure only for a reason; lower it gladly."""

# address: (who asks, number of queries)
COUNTS: dict[str, tuple[str, int]] = {
    "admin:lead-list": ("marketer", 14),
    "admin:inbox": ("rep", 15),
    "admin:inbox-pulse": ("rep", 12),
    "admin:rejection-list": ("marketer", 18),
    "admin:import-list": ("marketer", 9),
    "admin:notification-list": ("rep", 9),
    "admin:criteria": ("marketer", 9),
    "admin:leads_company_changelist": ("admin", 8),
    "admin:leads_campaign_changelist": ("marketer", 13),
    "admin:leads_user_changelist": ("admin", 12),
    "admin:handoff_handoff_changelist": ("admin", 9),
}
