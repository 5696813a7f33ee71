from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db.backends.signals import connection_created


class AccordConfig(AppConfig):
    name = "config"
    label = "accord"
    verbose_name = "Accord"

    def ready(self) -> None:
        from config.health import NAV
        from config.timestamps import read_fast
        from leads.slots import slots

        slots.nav.append(NAV)
        connection_created.connect(read_fast, dispatch_uid="utc-timestamps")


class AccordAdminConfig(AdminConfig):
    default_site = "config.admin.AccordAdminSite"
