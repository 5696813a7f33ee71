from django.contrib import admin
from django.urls import include, path

from config.api import unknown_place

urlpatterns = [
    path("api/v1/", include("config.api")),
    path("api/", unknown_place),
    path("api/<path:rest>", unknown_place),
    path("", admin.site.urls),
]
