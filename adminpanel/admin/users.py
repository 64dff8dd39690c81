"""Log-ins to this site, in unfold's look."""

from django.contrib import admin
from django.contrib.auth import admin as auth_admin  # registers its own pages first
from django.contrib.auth.models import Group, User
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from adminpanel.admin.base import VantaAdmin

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(auth_admin.UserAdmin, VantaAdmin):  # type: ignore[type-arg]
    """Django's user pages."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "is_active", "is_staff", "is_superuser", "last_login")
    actions = None


@admin.register(Group)
class GroupAdmin(auth_admin.GroupAdmin, VantaAdmin):
    """Django's group pages."""

    actions = None
