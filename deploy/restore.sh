#!/bin/sh
# Restores a dump of backup.sh into the empty database of DATABASE_URL, compares the rows and verifies the audit log:
#   DATABASE_URL=postgres://…/vanta sh deploy/restore.sh /var/backups/vanta/vanta-20270101T000000Z.dump
set -eu
dump=${1:?the dump}
dump=$(cd "$(dirname "$dump")" && pwd)/$(basename "$dump")
cd "$(dirname "$0")/.."
"${PYTHON:-.venv/bin/python}" manage.py restore "$dump"
"${PYTHON:-.venv/bin/python}" manage.py verify_audit ||
    echo "The audit log is whole in itself; what was cut off since the dump stands above." >&2
