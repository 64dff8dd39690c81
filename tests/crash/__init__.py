"""The crash matrix: an order's path, killed before and after every write and every network call.

    python -m tests.crash                 the whole matrix (`make crash-matrix`)
    python -m tests.crash --share 10      every tenth cell, as the test suite runs it

A lane is a process with a database, Redis databases and a sandbox of its own. For every cell it forks a victim, which
walks the path of a scenario until its place on the tape and kills itself there with SIGKILL; then survivors, two at a
time, which begin with nothing but what was committed; at last a judge, which knows the venue's journal and the tables,
and nothing of what happened.

A storm (`python -m tests.crash.storm`) is the same question asked of real processes and the LIVE venue, by chance
instead of by place.
"""
