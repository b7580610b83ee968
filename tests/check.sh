#!/bin/sh
# Runs all tests. Those in kernels of their own keep the processors busy, the others mostly wait for timers: both run at once, and
# what the first say is shown after the others, and behind it which cases passed only when run again. Whatever ends this script, by
# Ctrl-C or a signal, ends the tests and their kernels. Environment: CARGO. usage: check.sh CARGO-TEST-OPTIONS...
set -eu
beside='guest balance clock'

"${CARGO:-cargo}" test --no-run "$@"

folder=$(mktemp -d)
said=$folder/said
again=$folder/again
main=
other=

# Each of the two is a group of processes, as what a shell starts beside itself does not heed Ctrl-C.
finish() {
    trap '' HUP INT TERM
    for group in $main $other; do
        kill -s TERM -- "-$group" 2>/dev/null && wait "$group" || :
    done
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

(
    for name in $beside; do
        set -- "$@" --test "$name"
    done
    exec setsid "${CARGO:-cargo}" test --no-fail-fast "$@"
) >"$said" 2>&1 </dev/null &
other=$!
KEEPALIVED_TEST_BESIDE=$beside KEEPALIVED_TEST_AGAIN=$again \
    setsid "${CARGO:-cargo}" test --no-fail-fast "$@" </dev/null &
main=$!

status=0
wait "$main" || status=$?
main=
beside_status=0
wait "$other" || beside_status=$?
other=
printf '\nBeside these, in kernels of their own:\n\n'
cat "$said"
grep 'once more' "$said" >>"$again" || :
if [ -s "$again" ]; then
    printf '\nThese failed while the machine stood still, and were run again. Look above why they failed: it may be a fault.\n\n' >&2
    cat "$again" >&2
fi
[ "$status" -eq 0 ] || printf '\nTests failed, see above.\n' >&2
[ "$beside_status" -eq 0 ] || printf '\nTests in kernels of their own failed, see above.\n' >&2
[ "$status" -eq 0 ] && [ "$beside_status" -eq 0 ]
