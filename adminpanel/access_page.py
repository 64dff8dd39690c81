"""The page about one's own access: role, device, and the way to end all of one's sessions."""

from django.contrib import admin
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from adminpanel.log_in import end_sessions
from adminpanel.roles import role_of
from adminpanel.second_factor import device_of


@never_cache
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """Any staff member's own; a POST logs them out everywhere."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101  (the admin's views are for those who logged in)
    if request.method == "POST":
        end_sessions(user, actor=user)
        logout(request)
        return HttpResponseRedirect(reverse("admin:login"))
    device = device_of(user)
    facts = [
        ("Name", user.get_username()),
        ("Role", role_of(user) or "none"),
        ("Device enrolled", f"{device.created_at:%Y-%m-%d %H:%M} UTC" if device and device.created_at else "–"),
        ("This log-in", f"{user.last_login:%Y-%m-%d %H:%M} UTC" if user.last_login else "–"),
        ("It ends", f"{request.session.get_expiry_date():%Y-%m-%d %H:%M} UTC"),
    ]
    context = {**admin.site.each_context(request), "title": "Your access", "facts": facts}
    return render(request, "adminpanel/access.html", context)
