"""What this layer puts into its own slots: the link to the leads and the cards of the home page."""

from leads import home
from leads.notify import composing, endpoints, notices
from leads.slots import NavItem, slots


def connect() -> None:
    """Fill the slots; called once when the portal starts."""
    from leads.views import notices as notice_pages

    slots.nav.append(
        NavItem(
            key="leads", label="Leads", icon="leads", url_name="admin:lead-list", order=40, permissions=("leads.view_lead",),
            shortcut="l", tab=True,
        )
    )  # fmt: skip
    notices.register_kind()
    endpoints.register_kinds()
    composing.register_kind()
    slots.home_cards += [
        (5, "leads/_home_notices.html", notice_pages.home_card),
        (50, "leads/_home_new.html", home.new_leads),
        (55, "leads/_home_sources.html", home.sources),
        (60, "leads/_home_unreachable.html", home.unreachable),
        (65, "leads/_home_imports.html", home.last_imports),
    ]
