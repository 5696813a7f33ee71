from typing import Any

from django.core.management.base import BaseCommand

from leads.roles import sync_roles


class Command(BaseCommand):
    help = "Create the portal's roles and give each the permissions the code grants it."

    def handle(self, *args: Any, **options: Any) -> None:
        for label, count in sync_roles().items():
            self.stdout.write(f"{label}: {count} permissions")
