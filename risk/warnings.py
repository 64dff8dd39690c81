"""What `manage.py check` says of the global limits: a warning, no failure."""

from typing import Any

from django.core.checks import CheckMessage, Warning, register

from risk.contradictions import contradictions
from risk.policies import global_limits


@register
def global_limits_go_together(**_options: Any) -> list[CheckMessage]:
    """One warning with all that does not go together among the limits of the settings."""
    found = contradictions(global_limits())
    if not found:
        return []
    return [
        Warning(
            "Limits of the settings that do not go together: " + " ".join(each.sentence for each in found),
            hint="Nothing is broken: the tighter one binds. Change the settings where that is not meant.",
            id="risk.W001",
        )
    ]
