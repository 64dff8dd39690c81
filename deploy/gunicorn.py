"""gunicorn's settings: threads, both ports, metrics of dead workers forgotten, the application loaded once."""

import os
from typing import Any

from prometheus_client import multiprocess

_ports = dict.fromkeys([os.environ.get("PORT", "8080"), os.environ.get("HEALTH_PORT", os.environ.get("PORT", "8080"))])
_host = "0.0.0.0" if os.environ.get("ENVIRONMENT") == "production" else "127.0.0.1"  # noqa: S104  (a container's port)
bind = [f"{_host}:{port}" for port in _ports]
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "4"))
worker_class = "gthread"
preload_app = True
keepalive = 30
timeout = 30
graceful_timeout = 15
limit_request_line = 4094
accesslog = None
errorlog = "-"
loglevel = "warning"
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108  (a heartbeat file, not data)


def child_exit(_server: Any, worker: Any) -> None:
    """Drop a dead worker's live gauges from `/metrics`."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.mark_process_dead(worker.pid)
