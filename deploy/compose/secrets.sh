#!/bin/sh
# Makes the secrets that docker-compose.yml needs, once: fresh keys and passwords in a folder that git ignores.
#
# usage: deploy/compose/secrets.sh
# It writes deploy/compose/secrets/ and names it in .env; what is there already is left as it is. Keep a copy of the
# folder: without the pepper the memory in Valkey means nothing, without the passwords the data cannot be opened.
set -eu
umask 077

cd "$(dirname "$0")/../.."
folder=deploy/compose/secrets
[ ! -e $folder ] || { echo "secrets.sh: $folder exists already; nothing was changed" >&2; exit 1; }
command -v openssl >/dev/null || { echo "secrets.sh: openssl is missing; on Debian: apt-get install openssl" >&2; exit 69; }

# Into place in one step, so that an interrupted run leaves no half of it.
unfinished=$(mktemp -d deploy/compose/secrets.XXXXXX)
trap 'rm -rf "$unfinished"' EXIT
trap 'exit 1' INT TERM
cd "$unfinished"
openssl genpkey -algorithm ed25519 -out signing.key
openssl pkey -in signing.key -pubout -out signing.pub
openssl rand -hex 32 >pepper

password=$(openssl rand -hex 24)
echo "requirepass $password" >valkey.conf
echo "redis://:$password@valkey:6379/0" >redis_url

password=$(openssl rand -hex 24)
echo "POSTGRES_PASSWORD=$password" >postgres.env
echo "postgresql+psycopg://menshen:$password@postgres:5432/menshen" >database_url

# The folder is closed to the others of this machine. Its files are not: a process in a container is another user, and
# sees the files alone that it is given.
chmod 644 ./*
cd - >/dev/null
mv "$unfinished" $folder
trap - EXIT INT TERM
grep -qs '^SECRETS_DIR=' .env || echo "SECRETS_DIR=./$folder" >>.env
echo "secrets.sh: wrote $folder; .env names it"
