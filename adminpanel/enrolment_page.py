"""The page that enrols a device: a picture to scan, the same as text to type, and the first code."""

import io
import re

from django.contrib import admin
from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from django_otp import login as remember_device
from django_otp.qr import write_qrcode_image

from adminpanel.log_in import EnrolmentForm
from adminpanel.models import AdminDevice
from adminpanel.second_factor import CodeRefused, device_of, device_to_enrol, enrol

GROUP = 4
SIZE = re.compile(r'width="(\d+)" height="\1"')


def must_enrol(user: User) -> bool:
    """Whether somebody who gave their password has no device yet."""
    return user.is_active and user.is_staff and device_of(user) is None


@never_cache
@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """Only for those who logged in and have no device; others are sent where they can go on."""
    user = request.user
    if not isinstance(user, User):
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    if "leave" in request.POST:  # the admin's own page for it lets nobody in who has no device
        logout(request)
        return HttpResponseRedirect(reverse("admin:login"))
    if not must_enrol(user):
        return HttpResponseRedirect(_next(request))
    form = EnrolmentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            device = enrol(user, form.cleaned_data["code"])
        except CodeRefused as error:
            form.add_error("code", error.words)
        else:
            request.session.cycle_key()
            remember_device(request, device)
            return HttpResponseRedirect(_next(request))
    return render(request, "adminpanel/enrol.html", _context(request, form, device_to_enrol(user)))


def _context(request: HttpRequest, form: EnrolmentForm, device: AdminDevice) -> dict[str, object]:
    secret = device.secret
    return {
        **admin.site.each_context(request),
        "title": "Enrol a device",
        "form": form,
        "picture": picture(device.config_url),
        "secret": " ".join(secret[at : at + GROUP] for at in range(0, len(secret), GROUP)),
        REDIRECT_FIELD_NAME: _next(request),
    }


def picture(text: str) -> SafeString:
    """A QR code as SVG for the middle of a page, drawn here: nobody else is asked for it.

    The library is loaded when it draws: every process knows the admin's pages, and few draw.
    """
    drawn = io.BytesIO()
    write_qrcode_image(text, drawn)
    drawing = drawn.getvalue().decode().partition("?>")[2].strip().replace("svg:", "").replace("mm", "")
    return SafeString(SIZE.sub(r'viewBox="0 0 \1 \1"', drawing, count=1))


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME) or ""
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if is_ours else reverse("admin:index")
