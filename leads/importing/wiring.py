"""Where the import hooks into the portal: its kinds of jobs and its place in the sidebar."""

from leads import jobs
from leads.slots import NavItem, slots


def connect() -> None:
    """Called once, when the app is ready."""
    from leads.importing import actions
    from leads.importing.plan import CheckWork
    from leads.importing.run import RetryWork, RunWork
    from leads.importing.undo import UndoWork

    jobs.works.update({actions.CHECK: CheckWork, actions.RUN: RunWork, actions.RETRY: RetryWork, actions.UNDO: UndoWork})
    slots.nav.append(
        NavItem(
            key="import",
            label="Imports",
            icon="upload",
            url_name="admin:import-list",
            order=45,
            permissions=("leads.import_leads",),
        )
    )
