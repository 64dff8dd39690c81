"""Start scratch services and measure against them: `make bench`, `make soak`."""

import os
import subprocess
import sys

from vanta.devservices import DevServices
from vanta.supervision.environment import generated_secrets


def main() -> int:
    with DevServices.temporary(durable=True) as services:
        environment = {**os.environ, **services.environment(), **generated_secrets()}
        environment |= {"DJANGO_SETTINGS_MODULE": "tests.bench.settings", "VANTA_STATE_DIR": str(services.state_dir)}
        module = f"tests.bench.{sys.argv[1] if len(sys.argv) > 1 else 'measure'}"
        return subprocess.run([sys.executable, "-m", module], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
