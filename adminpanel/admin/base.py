"""What Vanta's admin pages have in common: rows that services write are read here, never edited."""

from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline


class VantaAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Unfold's pages, one look for all."""

    list_per_page = 50
    list_fullwidth = True
    list_filter_submit = False
    show_full_result_count = False
    empty_value_display = "–"
    nothing_yet = "Nothing was written here yet."
    compressed_fields = False  # a label stands above its value: beside it, three in a row run into each other


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
