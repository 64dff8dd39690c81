"""Who may come in to this site, and as what. A role is given by a super admin, for a reason, with a code."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django_otp.plugins.otp_totp import admin as device_admin
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.decorators import display

from adminpanel import roles
from adminpanel.admin.base import AuditedAdmin, ReadOnlyAdmin
from adminpanel.admin.columns import badge, time_column
from adminpanel.groups import Role
from adminpanel.models import AdminAccount
from adminpanel.second_factor import device_of, forget_device
from adminpanel.starting_form import start_fields
from adminpanel.user_form import UserForm

for others in (auth_admin, device_admin):  # importing them has registered their pages, which ours replace
    admin.site.unregister([model for model in (User, Group, TOTPDevice) if hasattr(others, f"{model.__name__}Admin")])
ROLE_COLOURS = {Role.ADMIN: "info", Role.SUPER_ADMIN: "warning"}


@admin.register(User)
class UserAdmin(AuditedAdmin):
    """Roles, and what goes with them. Passwords are never shown; nobody is deleted, as the audit log names them."""

    form = UserForm
    controls = ("manage_roles",)
    list_display = ("username", "role", "active", "telegram", "device", "seen")
    list_filter = ("is_active", "groups")
    search_fields = ("username", "=admin_account__telegram_id")
    list_select_related = ("admin_account",)
    ordering = ("username",)
    readonly_fields = ("role", "active", "telegram", "device", "seen", "joined")
    seen = time_column("last_login", "last log-in")
    joined = time_column("date_joined", "since")

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """What is, and what can be changed by whom it can."""
        present = (None, {"fields": (("role", "active", "telegram"), ("device", "seen", "joined"))})
        if not self.has_change_permission(request, obj):
            return ((None, {"fields": ("username",)}), present)
        named = (("username", "telegram_id"), ("new_role", "is_active"), "new_password")
        change = {"fields": (*named, *(() if obj is None else (("log_out", "forget_device"),)), *start_fields())}
        return (("Change" if obj else None, change), *((present,) if obj else ()))

    def write(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """The user, the role, the Telegram account; sessions end where they have to."""
        if form.cleaned_data["new_password"]:
            obj.set_password(form.cleaned_data["new_password"])
        elif not change:
            obj.set_unusable_password()
        obj.save()
        account, _ = AdminAccount.objects.get_or_create(user=obj)
        account.telegram_id = form.cleaned_data["telegram_id"]
        account.save(update_fields=["telegram_id"])
        if roles.role_of(obj) != form.role:
            roles.give(obj, form.role)
        if form.cleaned_data.get("forget_device"):
            forget_device(obj)
        if form.ends_sessions:
            roles.log_out_everywhere(obj)

    def done(self, form: Any) -> dict[str, Any]:
        """Of a password no more than that it is new."""
        told = {"password": "new"} if form.cleaned_data["new_password"] else {}
        return {**told, **({"sessions": "ended"} if form.ends_sessions else {})}

    def values(self, row: User) -> dict[str, Any]:
        """What is set here, and what was done."""
        account = AdminAccount.objects.filter(user=row).first()
        return {
            "username": row.username,
            "role": roles.role_of(row).value,
            "is_active": row.is_active,
            "telegram_id": account and account.telegram_id,
            "device": device_of(row) is not None,
        }

    @display(description="role")  # type: ignore[untyped-decorator]
    def role(self, user: User) -> str:
        """What they are here."""
        role = roles.role_of(user)
        return badge(role.value or "none", ROLE_COLOURS.get(role, ""))

    @display(description="active", ordering="is_active")  # type: ignore[untyped-decorator]
    def active(self, user: User) -> str:
        """Whether they can log in."""
        return badge("active", "success") if user.is_active else badge("closed", "danger")

    @display(description="Telegram id")  # type: ignore[untyped-decorator]
    def telegram(self, user: User) -> str:
        """Whom the settings and the chat know."""
        account = AdminAccount.objects.filter(user=user).first()
        return str(account.telegram_id) if account and account.telegram_id else "–"

    @display(description="device")  # type: ignore[untyped-decorator]
    def device(self, user: User) -> str:
        """What makes their codes."""
        device = device_of(user)
        return f"since {device.created_at:%Y-%m-%d}" if device and device.created_at else "none yet"


@admin.register(Group)
class GroupAdmin(ReadOnlyAdmin):
    """The roles. The code says what each may; `migrate` brings them in step."""

    list_display = ("name", "members")
    fieldsets = ((None, {"fields": ("name", "members", "may")}),)
    search_fields = ("name",)

    @display(description="members")  # type: ignore[untyped-decorator]
    def members(self, group: Group) -> str:
        """Who has it."""
        return ", ".join(group.user_set.order_by("username").values_list("username", flat=True)) or "–"

    @display(description="may")  # type: ignore[untyped-decorator]
    def may(self, group: Group) -> str:
        """The controls; that they see all goes without saying."""
        ours = group.permissions.filter(content_type__app_label="adminpanel").exclude(codename__startswith="view_")
        return ", ".join(sorted(name.removeprefix("Can ") for name in ours.values_list("name", flat=True))) or "–"
