from django.urls import URLPattern, path

from leads.views import imports, lead_entry, lead_page, leads, notices

urlpatterns: list[URLPattern] = [
    path("leads/", leads.lead_list, name="lead-list"),
    path("leads/export/", leads.lead_export, name="lead-export"),
    path("leads/add/", lead_entry.lead_add, name="lead-add"),
    path("leads/<int:pk>/", lead_page.lead_detail, name="lead-detail"),
    path("leads/<int:pk>/edit/", lead_entry.lead_edit, name="lead-edit"),
    path("leads/<int:pk>/title/", lead_entry.title_correct, name="title-correct"),
    path("leads/<int:pk>/timeline/", lead_page.lead_timeline, name="lead-timeline"),
    path("leads/<int:pk>/changes/", lead_page.lead_changes, name="lead-changes"),
    path("leads/<int:pk>/notes/", lead_page.note_add, name="note-add"),
    path("notices/<int:pk>/", notices.notice_detail, name="notice-detail"),
    path("notices/<int:pk>/acknowledge/", notices.notice_acknowledge, name="notice-acknowledge"),
    path("notices/<int:pk>/remind/", notices.notice_remind, name="notice-remind"),
    path("leads/imports/", imports.import_list, name="import-list"),
    path("leads/imports/new/", imports.import_create, name="import-create"),
    path("leads/imports/<int:pk>/", imports.import_detail, name="import-detail"),
    path("leads/imports/<int:pk>/columns/", imports.import_columns, name="import-columns"),
    path("leads/imports/<int:pk>/read-again/", imports.import_reread, name="import-reread"),
    path("leads/imports/<int:pk>/check/", imports.import_check, name="import-check"),
    path("leads/imports/<int:pk>/stop/", imports.import_stop, name="import-stop"),
    path("leads/imports/<int:pk>/resume/", imports.import_resume, name="import-resume"),
    path("leads/imports/<int:pk>/undo/", imports.import_undo, name="import-undo"),
    path("leads/imports/<int:pk>/retry/", imports.import_retry, name="import-retry"),
    path("leads/imports/<int:pk>/discard/", imports.import_discard, name="import-discard"),
    path("leads/imports/<int:pk>/refused/", imports.import_refused, name="import-refused"),
    path("leads/imports/<int:pk>/refused.csv", imports.import_refused_download, name="import-refused-download"),
    path("leads/imports/<int:pk>/refused/<int:line>/", imports.import_refused_correct, name="import-refused-correct"),
]
