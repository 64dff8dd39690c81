"""Vanta's admin site: nobody is let in without a code from their device."""

from typing import Any

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from unfold.sites import UnfoldAdminSite

from adminpanel import access_page, enrolment_page
from adminpanel.log_in import LogInForm, LogInView, OwnPasswordView
from adminpanel.standing import standing

DASHBOARD = "adminpanel.view_dashboard"


class VantaAdminSite(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    """The one admin site; its look comes from unfold, its dashboard from `adminpanel.dashboard`."""

    login_form = LogInForm

    def has_permission(self, request: HttpRequest) -> bool:
        """Active staff whose session has had a code."""
        return bool(super().has_permission(request)) and bool(request.user.is_verified())  # type: ignore[union-attr]

    def extra_urls(self) -> list[URLPattern]:
        """Our own pages about coming in."""
        return [
            path("enrol/", enrolment_page.page, name="enrol"),
            path("access/", self.admin_view(access_page.page), name="access"),
        ]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Unfold's, and on every page how trading stands, with the button that stops it."""
        context: dict[str, Any] = super().each_context(request)
        if self.has_permission(request) and request.user.has_perm(DASHBOARD):
            context["standing"] = standing(request)
        return context

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Unfold's page with our form; whoever has no device yet goes on to enrol one."""
        wanted = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME) or reverse("admin:index")
        go_on = f"{reverse('admin:enrol')}?{urlencode({REDIRECT_FIELD_NAME: wanted})}"
        if request.method == "GET":
            if self.has_permission(request):
                return HttpResponseRedirect(reverse("admin:index"))
            if isinstance(request.user, User) and enrolment_page.must_enrol(request.user):
                return HttpResponseRedirect(go_on)
        context = {
            **self.each_context(request),
            "title": "Log in",
            "app_path": request.get_full_path(),
            REDIRECT_FIELD_NAME: wanted,
            **(extra_context or {}),
        }
        view = LogInView.as_view(
            extra_context=context, authentication_form=self.login_form, template_name="adminpanel/login.html"
        )
        return view(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Unfold's page, with an entry in the audit log."""
        view = OwnPasswordView.as_view(
            success_url=reverse("admin:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
            template_name="registration/password_change_form.html",
        )
        return view(request)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """The dashboard. Raises PermissionDenied for staff without a role."""
        if not request.user.has_perm(DASHBOARD):
            raise PermissionDenied
        return super().index(request, extra_context)  # type: ignore[no-any-return]
