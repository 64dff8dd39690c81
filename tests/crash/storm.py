"""A storm: LIVE orders all at once, a venue that loses, delays and doubles its answers, a signing worker killed.

    python -m tests.crash.storm                500 orders, a kill every 5 s
    python -m tests.crash.storm --orders 60 --kills 2

Starts scratch services and plays the storm in a process with their environment; exits 1 where something is not as it
must be.
"""

import os
import subprocess
import sys
from pathlib import Path

from vanta.devservices import DevServices
from vanta.supervision.environment import generated_secrets

CHECKOUT = Path(__file__).resolve().parents[2]
TERMS = {
    "ENVIRONMENT": "test",
    "DJANGO_SETTINGS_MODULE": "vanta.settings",
    "DRAFT_VALID_S": "600",  # all drafts are made before the first is confirmed
    "CANARY_MAX_NOTIONAL_USD": "5000",
    "SIGNING_CONCURRENCY": "2",
    "INTENT_VALID_S": "120",  # what waits while a worker starts is still wanted
}


def main() -> int:
    services = DevServices.temporary().start()
    try:
        environment = {**os.environ, **services.environment(), **generated_secrets(), **TERMS}
        environment["VANTA_STATE_DIR"] = str(services.state_dir)
        command = [sys.executable, "-m", "tests.crash.storm_play", *sys.argv[1:]]
        return subprocess.run(command, cwd=CHECKOUT, env=environment, check=False).returncode
    finally:
        services.remove()


if __name__ == "__main__":
    sys.exit(main())
