#!/bin/sh
# Runs all tests. Those in kernels of their own keep the processors busy, the others mostly wait for timers: both run at once, and
# what the first say is shown after the others. Environment: CARGO. usage: check.sh CARGO-TEST-OPTIONS...
set -eu
beside='guest balance clock'

"${CARGO:-cargo}" test --no-run "$@"

said=$(mktemp)
pid=
trap 'rm -f "$said"; [ -z "$pid" ] || kill "$pid" 2>/dev/null || :' EXIT
trap 'exit 1' HUP INT TERM
(
    for name in $beside; do
        set -- "$@" --test "$name"
    done
    exec "${CARGO:-cargo}" test --no-fail-fast "$@"
) >"$said" 2>&1 </dev/null &
pid=$!

status=0
KEEPALIVED_TEST_BESIDE=$beside "${CARGO:-cargo}" test --no-fail-fast "$@" || status=$?
beside_status=0
wait "$pid" || beside_status=$?
pid=
printf '\nBeside these, in kernels of their own:\n\n'
cat "$said"
[ "$status" -eq 0 ] || printf '\nTests failed, see above.\n' >&2
[ "$beside_status" -eq 0 ] || printf '\nTests in kernels of their own failed, see above.\n' >&2
[ "$status" -eq 0 ] && [ "$beside_status" -eq 0 ]
