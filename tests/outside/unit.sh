# What a service manager does with the systemd unit: runs its ExecStart with the options of the sysconfig file, waits for READY=1
# on NOTIFY_SOCKET, sends the signal of ExecReload, stops with SIGTERM. The socket is the test's.
. "$REPO/tests/outside/root.sh"

unit=$REPO/contrib/systemd/keepalived.service
start=$(sed -n 's/^ExecStart=//p' "$unit")
grep -qx 'Type=notify' "$unit" || fail 'the unit no longer waits for READY=1'
grep -qx 'ExecReload=/bin/kill -HUP $MAINPID' "$unit" || fail 'the unit reloads in another way than this case'

make_root
: >"$ROOT/run/notify"
mount -o bind "$NOTIFY" "$ROOT/run/notify"
configure 192.0.2.10/24
. "$ROOT/etc/sysconfig/keepalived"
env -i NOTIFY_SOCKET=/run/notify KEEPALIVED_OPTIONS="$KEEPALIVED_OPTIONS" PATH=/usr/bin:/bin:/usr/sbin:/sbin \
    chroot "$ROOT" sh -c "exec $start" </dev/null &
main=$!
soon 'the address is there' holds 192.0.2.10
[ "$(daemon_pid)" = "$main" ] || fail 'the process of ExecStart is not the daemon'
configure 192.0.2.11/24
kill -HUP "$main"
soon 'the new address is there' holds 192.0.2.11
kill -TERM "$main"
status=0
wait "$main" || status=$?
[ "$status" -eq 0 ] || fail "stopped with exit status $status: the unit would be restarted"
no_daemon || fail 'a process is left'
say passed
