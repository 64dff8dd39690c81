#!/bin/sh
# Makes the secrets of docker-compose.yml, in deploy/secrets: sh deploy/make_secrets.sh 123456:token-of-the-bot
# What is there already stays. Keep a copy of audit_hmac_key and key_encryption_keys elsewhere.
set -eu
token=${1:?the token of the bot, from @BotFather}
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
cd secrets

random() { head -c "$1" /dev/urandom | base64 | tr -d '\n=' | tr '+/' '-_'; }
keep() { [ -s "$1" ] || printf '%s\n' "$2" > "$1"; }

for name in secret_key database_password postgres_password redis_password telegram_webhook_secret audit_hmac_key health_token; do
    keep "$name" "$(random 36)"
done
keep telegram_bot_token "$token"
keep flower_basic_auth "operator:$(random 18)"
keep key_encryption_keys "first:$(head -c 32 /dev/urandom | base64 | tr -d '\n')"
keep database_url "postgres://vanta:$(cat database_password)@postgres:5432/vanta"
keep redis_url "redis://:$(cat redis_password)@redis:6379/1"
keep celery_broker_url "redis://:$(cat redis_password)@redis:6379/0"
# The directory keeps others out; in the containers other users have to read the files.
chmod 444 ./*
