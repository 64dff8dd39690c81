"""What the last look at the audit log's chain said: a colour and words. Values in, text out."""

from vanta.audit_watch import Watch


def of_chain(watch: Watch | None) -> tuple[str, str]:
    """Success only where all of it was walked, and lately."""
    if watch is None:
        return "warning", "nobody has looked at the chain yet"
    looked = f"looked at {watch.age_s:.0f} s ago"
    if watch.problem:
        return "danger", f"broken at entry {watch.broken_seq}: {watch.problem.replace('_', ' ')}"
    if watch.is_late:
        return "warning", f"last {looked}: beat or the maintenance worker is away"
    if watch.whole_at is None:
        return "info", f"{watch.walked} of {watch.count} entries verified so far, {looked}"
    return "success", f"verified: {watch.count} entries, all of them by {watch.whole_at:%H:%M:%S}, {looked}"
