from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class AccordConfig(AppConfig):
    name = "config"
    label = "accord"
    verbose_name = "Accord"


class AccordAdminConfig(AdminConfig):
    default_site = "config.admin.AccordAdminSite"
