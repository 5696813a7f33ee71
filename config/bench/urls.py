from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def empty(request: HttpRequest) -> HttpResponse:
    """What any page for a signed-in person costs at least."""
    return HttpResponse(f"{request.user.pk}")


urlpatterns = [
    path("bench/empty/", admin.site.admin_view(empty)),
    path("", include("config.urls")),
]
