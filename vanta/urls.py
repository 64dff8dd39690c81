"""All addresses of the web process."""

from django.contrib import admin
from django.urls import path

from adminpanel import audit_export, controls_page, dashboard, feeds_page, limits_page, pages
from trading.onboarding import views as onboarding
from trading.telegram.webhook import webhook
from vanta import health

urlpatterns = [
    path("", pages.home, name="home"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.ReadyView.as_view(), name="readyz"),
    path("health", health.ReadyView.as_view(), name="health"),
    path("metrics", health.metrics_page, name="metrics"),
    path("telegram/webhook/", webhook, name="telegram-webhook"),
    path("connect/<str:token>/", onboarding.page, name="connect"),
    path("connect/<str:token>/state/", onboarding.state, name="connect-state"),
    path("connect/<str:token>/message/", onboarding.message, name="connect-message"),
    path("connect/<str:token>/wallet/", onboarding.wallet, name="connect-wallet"),
    path("connect/<str:token>/signature/", onboarding.signature, name="connect-signature"),
    path("connect/<str:token>/look/", onboarding.look, name="connect-look"),
    path("admin/live/", dashboard.live, name="dashboard-live"),
    path("admin/feeds/live/", admin.site.admin_view(feeds_page.page), name="feeds"),
    path("admin/feeds/live/table/", feeds_page.table, name="feeds-table"),
    path("admin/risk/limits/", admin.site.admin_view(limits_page.page), name="limits"),
    path("admin/controls/", admin.site.admin_view(controls_page.page), name="controls"),
    path("admin/controls/stop/", admin.site.admin_view(controls_page.stop), name="controls-stop"),
    path("admin/controls/<str:name>/", admin.site.admin_view(controls_page.switch), name="controls-switch"),
    path("admin/vanta/auditentry/export/", admin.site.admin_view(audit_export.page), name="audit-export"),
    path("admin/", admin.site.urls),
]
