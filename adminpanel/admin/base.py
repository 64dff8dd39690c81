"""What Vanta's admin pages have in common: rows that services write are read here, never edited."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from adminpanel import roles
from vanta import audit


class VantaAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Unfold's pages, one look for all."""

    list_per_page = 50
    list_fullwidth = True
    list_filter_submit = False
    show_full_result_count = False
    empty_value_display = "–"
    nothing_yet = "Nothing was written here yet."
    compressed_fields = False  # a label stands above its value: beside it, three in a row run into each other


class AuditedAdmin(VantaAdmin):
    """For rows that people change: `controls` say who may, and every change leaves an entry, field by field.

    A page writes in one transaction, which holds both. Nothing is deleted, and nothing is done to several rows at once.
    A page whose service appends the entry itself overrides `write` and `record`.
    """

    actions = None
    controls: tuple[str, ...] = ()  # any of these permissions lets somebody change rows

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """By the controls, not by Django's own permissions. The form looks at what is changed."""
        return any(roles.may(request.user, control) for control in self.controls)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Likewise."""
        return self.has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody may: other rows and the audit log point at them."""
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form knows who fills it in; whoever only looks gets none of its questions."""
        if obj is not None and not self.has_change_permission(request, obj):
            return super().get_form(request, obj, change=change, **{**kwargs, "form": forms.ModelForm})
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"user": request.user})

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        """Write what was changed, and last its entry: it holds the audit log's lock until the commit."""
        before = self.values(type(obj)._default_manager.select_for_update().get(pk=obj.pk)) if change else {}
        self.write(request, obj, form, change)
        self.record(request, obj, form, before)

    def write(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save the row: of one that was there, only the fields that were changed."""
        names = [name for name in form.changed_data if name in {field.name for field in obj._meta.concrete_fields}]
        obj.save(update_fields=names if change else None)

    def record(self, request: HttpRequest, obj: Any, form: Any, before: Mapping[str, Any]) -> None:
        """Append what is different now; nothing where nothing is."""
        after = self.values(type(obj)._default_manager.get(pk=obj.pk))
        names = [name for name, value in after.items() if name not in before or before[name] != value]
        done = self.done(form)
        if not names and not done:
            return
        audit.append(
            actor=actor_of(request),
            action=f"{obj._meta.model_name}.{'change' if before else 'add'}",
            subject=f"{obj._meta.model_name}:{obj.pk}",
            before={name: before[name] for name in names} if before else None,
            after={**{name: after[name] for name in names}, **done},
            reason=getattr(form, "recorded_reason", ""),
        )

    def done(self, form: Any) -> dict[str, Any]:
        """What was done that no field shows, such as a new password."""
        return {}

    def values(self, row: Any) -> dict[str, Any]:
        """What is compared: the fields as they are, rows that are pointed at by their names."""
        return {field.name: getattr(row, field.name) for field in row._meta.concrete_fields}


def actor_of(request: HttpRequest) -> str:
    """Who is at the admin site, as the audit log names them."""
    user = request.user
    return f"admin:{user.get_username() if isinstance(user, User) else user}"


class ReadOnlyAdmin(VantaAdmin):
    """For rows that only services write. Whoever may view them may not add, change or delete them here."""

    actions = None
    nothing_yet = "Rows appear here by themselves, as things happen."

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody may."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody may."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody may."""
        return False


class ReadOnlyInline(TabularInline):  # type: ignore[misc]  # unfold has no types
    """Rows of another table below the one they belong to; read only."""

    extra = 0
    can_delete = False
    show_change_link = True
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody may."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody may."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody may."""
        return False
