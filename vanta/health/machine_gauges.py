"""The machine, the supervised processes, and what the readiness checks say."""

from pathlib import Path

import psutil
from django.conf import settings
from prometheus_client.core import CounterMetricFamily, Metric

from vanta.health.families import gauge
from vanta.health.report import Report, Status
from vanta.health.surroundings import supervised

CPU_MODES = ("user", "system", "iowait", "idle")
STATUSES = {Status.OK: 0, Status.DEGRADED: 1, Status.FAILED: 2}


def machine() -> list[Metric]:
    """Processor seconds since the start, memory, and the file systems of the checkout and of the state directory."""
    cpu = CounterMetricFamily("vanta_machine_cpu_seconds", "Of all processors, by what they did.", labels=["did"])
    times = psutil.cpu_times()
    for name in CPU_MODES:
        cpu.add_metric([name], getattr(times, name, 0))
    memory = psutil.virtual_memory()
    disks = {"checkout": _disk(settings.BASE_DIR), "state": _disk(settings.STATE_DIR)}
    return [
        cpu,
        gauge("vanta_machine_processors", "Processors.", [], {(): psutil.cpu_count() or 1}),
        gauge("vanta_machine_memory_used_ratio", "Memory in use, 0 to 1.", [], {(): memory.percent / 100}),
        gauge("vanta_machine_disk_used_ratio", "Disk in use, 0 to 1.", ["of"], {of: d[0] for of, d in disks.items()}),
        gauge("vanta_machine_disk_free_bytes", "Disk that is free.", ["of"], {of: d[1] for of, d in disks.items()}),
    ]


def _disk(path: Path) -> tuple[float, float]:
    existing = next(place for place in (path, *path.parents) if place.exists())
    usage = psutil.disk_usage(str(existing))
    return usage.percent / 100, usage.free


def processes() -> list[Metric]:
    """How often `manage.py up` has started each of its processes again; nothing where something else supervises."""
    units = supervised()
    if units is None:
        return []
    restarts = CounterMetricFamily("vanta_process_restarts", "Starts of a process that had died.", labels=["process"])
    for name, unit in units.items():
        restarts.add_metric([name], unit["restarts"])
    running = {name: int(unit["state"] == "running") for name, unit in units.items()}
    return [restarts, gauge("vanta_process_running", "1 while it runs and is not failing.", ["process"], running)]


def readiness(report: Report) -> list[Metric]:
    """What `/readyz` says."""
    statuses = {name: STATUSES[check.status] for name, check in report.checks.items()}
    latencies = {name: check.latency_ms / 1000 for name, check in report.checks.items()}
    return [
        gauge("vanta_ready", "1 while orders can be taken.", [], {(): int(report.is_ready)}),
        gauge("vanta_check_status", "0 ok, 1 degraded, 2 failed.", ["check"], statuses),
        gauge("vanta_check_seconds", "How long the check took.", ["check"], latencies),
    ]
