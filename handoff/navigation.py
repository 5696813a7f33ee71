"""The hand-off's places in the frame: inbox, board and rejections in the navigation, the bell in the top bar."""

from __future__ import annotations

from handoff.desk import waiting_count
from handoff.rejections import unreviewed_count
from handoff.states import ANSWER, ASSIGN, REVIEW
from leads.notify import bell
from leads.slots import NavItem, slots


def connect() -> None:
    """Called once, when the app is ready."""
    slots.nav.append(
        NavItem(
            key="inbox",
            label="Inbox",
            icon="inbox",
            url_name="admin:inbox",
            order=10,
            permissions=(ANSWER,),
            shortcut="i",
            tab=True,
            badge=waiting_count,
        )
    )
    slots.nav.append(
        NavItem(
            key="rejections",
            label="Rejections",
            icon="undo",
            url_name="admin:rejection-list",
            order=30,
            permissions=(REVIEW,),
            shortcut="r",
            tab=True,
            badge=unreviewed_count,
        )
    )
    slots.nav.append(
        NavItem(
            key="board",
            label="SLA board",
            icon="board",
            url_name="admin:sla-board",
            order=15,
            permissions=(ASSIGN,),
            shortcut="s",
            tab=True,
        )
    )
    slots.account.append(
        NavItem(key="leave", label="Time away", icon="calendar", url_name="admin:my-leave", order=10, permissions=(ANSWER,))
    )
    slots.bell = NavItem(
        key="bell", label="Notifications", icon="bell", url_name="admin:notification-list", order=0, badge=bell.unread
    )
