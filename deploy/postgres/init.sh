#!/bin/sh
# Run once by the postgres image: Vanta's role owns its database and is no superuser.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --username postgres \
    --set password="$(cat /run/secrets/database_password)" <<'SQL'
CREATE ROLE vanta LOGIN CREATEDB PASSWORD :'password';
CREATE DATABASE vanta OWNER vanta;
SQL
