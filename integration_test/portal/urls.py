from django.contrib import admin
from django.urls import include, path

import views

pages = [
    path("", views.home),
    path("second", views.second),
    path("long", views.long),
    path("received", views.received),
    path("redirect", views.redirect),
    path("conditional", views.conditional),
    path("missing", views.missing),
    path("broken", views.broken),
    path("framing", views.framing),
    path("framed", views.framed),
    path("bare", views.bare),
    path("download", views.download),
    path("data", views.data),
    path("fragment", views.fragment),
]

urlpatterns = [
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("app/", include(pages)),
    path("", include(pages)),
]
