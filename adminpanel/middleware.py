"""Headers that tell a browser what a page may do."""

from typing import Any

from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest

from adminpanel.content_policy import ADMIN, OF_ADMIN, PERMISSIONS


class PagePolicyMiddleware(CSPMiddleware):
    """The strict policy everywhere, unfold's under /admin/; a page that has set its own keeps it."""

    def get_policy_parts(self, request: HttpRequest, response: Any, report_only: bool = False) -> PolicyParts:
        """Whatever answers under /admin/, the log-in and errors included, gets unfold's directives."""
        parts = super().get_policy_parts(request, response, report_only)
        if request.path_info.startswith(ADMIN) and not report_only:
            parts.replace = OF_ADMIN
        return parts

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        """Both headers."""
        answer: Any = super().process_response(request, response)
        answer.setdefault("Permissions-Policy", PERMISSIONS)
        return answer
