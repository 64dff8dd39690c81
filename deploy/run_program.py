"""Becomes one program of the Procfile: `python deploy/run_program.py worker-trading`, for systemd and for containers.

The Procfile is the only place that says how a program is started. A program that does not sign gets nothing of what
signs, whatever the environment holds. The steps of `release` run one after the other.
"""

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from vanta.supervision.environment import of_process  # noqa: E402  (the checkout is no package that is installed)
from vanta.supervision.procfile import read_procfile, split_assignments  # noqa: E402

AND = "&&"


def steps_of(argv: list[str]) -> list[list[str]]:
    """The commands that `&&` joins."""
    steps: list[list[str]] = [[]]
    for word in argv:
        if word == AND:
            steps.append([])
        else:
            steps[-1].append(word)
    return steps


def main(name: str) -> None:
    """Replaces this process. Exits with 1 where a step before the last fails, with 2 where there is no such program."""
    programs = read_procfile((CHECKOUT / "Procfile").read_text(), os.environ)
    if name not in programs:
        sys.exit(f"The Procfile has no program {name!r}, only {', '.join(programs)}.")
    assigned, argv = split_assignments(programs[name])
    environment = of_process(os.environ, assigned)
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
    os.environ["PATH"] = environment["PATH"]
    os.chdir(CHECKOUT)
    *first, last = steps_of(argv)
    for step in first:
        subprocess.run(step, env=environment, check=True)
    os.execvpe(last[0], last, environment)  # noqa: S606


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
