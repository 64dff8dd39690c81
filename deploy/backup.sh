#!/bin/sh
# Dumps the database of DATABASE_URL, while everything runs, and proves the dump by restoring it into a scratch database:
#   sh deploy/backup.sh /var/backups/vanta
# For cron and timers; exit status 1 where there is no backup to rely on. Options are those of `manage.py backup`.
set -eu
directory=${1:?the directory for the dump}
shift
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
cd "$(dirname "$0")/.."
exec "${PYTHON:-.venv/bin/python}" manage.py backup "$directory" "$@"
