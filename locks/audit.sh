#!/bin/sh
# `sh locks/audit.sh LOCK`: known vulnerabilities of a lock's packages. Status 1 where there are some; without a network,
# or where the index knows no advisories, it says so and ends with 0.
set -u
cd "$(dirname "$0")/.."
lock=$1
report=$(.venv/tools/bin/pip-audit --require-hashes --disable-pip --progress-spinner off -r "$lock" 2>&1)
status=$?
if printf '%s' "$report" | grep -qE 'ConnectionError|Max retries exceeded|Failed to establish|timed out'; then
    echo "$lock was not audited: the advisories' server cannot be reached."
    exit 0
fi
printf '%s\n' "$report"
unknown=$(printf '%s\n' "$report" | grep -c 'could not be audited')
[ "$unknown" -eq 0 ] || echo "$unknown packages of $lock could not be audited: the index in use knows no advisories for them."
exit $status
