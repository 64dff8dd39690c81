"""Vanta's admin site."""

from unfold.sites import UnfoldAdminSite


class VantaAdminSite(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    """The one admin site; its look comes from unfold, its dashboard from `adminpanel.dashboard`."""
