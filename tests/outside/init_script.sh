# The installed init script through all its actions and exit statuses (LSB 5.0, section 22.2).
# FUNCTIONS: the function library this system has: none, lsb, redhat, bash-only, or the machine's own.
. "$REPO/tests/outside/root.sh"

make_root
if [ "$FUNCTIONS" != machine ] && [ -d "$ROOT/usr/lib/lsb" ]; then
    mount -t tmpfs none "$ROOT/usr/lib/lsb"
fi
case $FUNCTIONS in
    lsb)
        cat >"$ROOT/usr/lib/lsb/init-functions" <<'END'
log_success_msg() { echo "LSB-OK $*"; }
log_failure_msg() { echo "LSB-FAILED $*"; }
END
        good=LSB-OK bad=LSB-FAILED
        ;;
    redhat)
        # The names that Red Hat's library takes: ours must not depend on them meaning something else.
        cat >"$ROOT/etc/init.d/functions" <<'END'
success() { printf ' [ RH-OK ]'; return 0; }
failure() { rc=$?; printf ' [ RH-FAILED ]'; return $rc; }
daemon() { echo 'library daemon() called'; return 99; }
killproc() { echo 'library killproc() called'; return 99; }
status() { echo 'library status() called'; return 99; }
END
        mkdir -p "$ROOT/var/lock/subsys"
        good=RH-OK bad=RH-FAILED
        ;;
    bash-only)
        printf 'function broken( {\n  case\n' >"$ROOT/etc/init.d/functions"
        good=done bad=FAILED
        ;;
    none) good=done bad=FAILED ;;
    machine) good=. bad=. ;;
esac

say 'before it is configured or running'
rc status 3 stopped
rc start 6 keepalived.conf
rc stop 0 'not running'
rc reload 7 'not running'
rc condrestart 0 'not running'
rc nonsense 2 'start|stop|restart'
mv "$ROOT/usr/sbin/keepalived" "$ROOT/usr/sbin/away"
rc start 5 'not installed'
mv "$ROOT/usr/sbin/away" "$ROOT/usr/sbin/keepalived"
# Root of a user namespace only, so outside of the throw-away root, where nobody may make another one.
status=0
unshare -U sh "$ROOT/etc/init.d/keepalived" start || status=$?
[ "$status" -eq 4 ] || fail "start by a user who is not root: exit status $status, not 4"

say 'start, and once more'
configure 192.0.2.10/24
rc start 0 "$good"
first=$(daemon_pid)
rc status 0 "pid $first"
soon 'the address is there' holds 192.0.2.10
rc start 0 'already running'
[ "$(daemon_pid)" = "$first" ] || fail 'a second start replaced the daemon'
[ ! -d "$ROOT/var/lock/subsys" ] || [ -f "$ROOT/var/lock/subsys/keepalived" ] || fail 'no subsys lock: rc would not stop it at shutdown'

say 'reload'
vrrp=$(vrrp_pid)
configure 192.0.2.11/24
rc reload 0 "$good"
soon 'the new address is there' holds 192.0.2.11
soon 'the old address is gone' holds_not 192.0.2.10
[ "$(daemon_pid)" = "$first" ] || fail 'reload replaced the daemon'
[ "$(vrrp_pid)" = "$vrrp" ] || fail 'reload replaced the VRRP process'

# One that the daemon could not start with, one that looks half written, one with nothing in it.
for fault in 's/virtual_router_id 51/virtual_router_id/' 's/interface eth0/interface eth0 {/' 'd'; do
    say "a broken file: $fault"
    configure 192.0.2.12/24
    sed -i "$fault" "$ROOT/etc/keepalived/keepalived.conf"
    for action in reload force-reload restart condrestart try-restart; do
        rc "$action" 1 "$bad.*refused\|refused.*$bad"
        grep -q 'keepalived.conf' "$SCRATCH/output" || fail "$action: the daemon's messages are not shown"
    done
    rc status 0 "pid $first"
    sleep 0.5
    holds 192.0.2.11 || fail 'the address was lost'
    holds_not 192.0.2.12 || fail 'the broken file was used'
    [ "$(vrrp_pid)" = "$vrrp" ] || fail 'the VRRP process was replaced'
done

say 'a fault that costs one line is shown and does not stop a reload'
configure 192.0.2.14/24
sed -i 's/advert_int 1/&\n    no_such_word/' "$ROOT/etc/keepalived/keepalived.conf"
rc reload 0 no_such_word
soon 'the new address is there' holds 192.0.2.14
[ "$(vrrp_pid)" = "$vrrp" ] || fail 'the VRRP process was replaced'

say 'the binary is replaced while it runs: its link in /proc now names a deleted file'
cp "$ROOT/usr/sbin/keepalived" "$ROOT/usr/sbin/keepalived.new"
mv -f "$ROOT/usr/sbin/keepalived.new" "$ROOT/usr/sbin/keepalived"
rc status 0 "pid $first"

say 'restart and its conditional forms'
configure 192.0.2.13/24
rc condrestart 0 "$good"
second=$(daemon_pid)
[ "$second" != "$first" ] || fail 'condrestart did not replace the daemon'
soon 'the address is there' holds 192.0.2.13
holds_not 192.0.2.14 || fail 'the old address is still there'
rc try-restart 0
rc restart 0
third=$(daemon_pid)
[ "$third" != "$second" ] || fail 'restart did not replace the daemon'
rc status 0 "pid $third"
soon 'the address is there' holds 192.0.2.13

if [ "$FUNCTIONS" = none ]; then
    say 'a restart leaves the load balancer to the next daemon, unless the one that runs is keepalived itself'
    # The settings are read by the init script, so that its signals can be heard here.
    # shellcheck disable=SC2016  # to be expanded there
    echo 'kill() { echo "$1" >>/run/signals; command kill "$@"; }' >"$ROOT/etc/sysconfig/keepalived"
    rc restart 0
    echo "-$(inside keepalived --signum=RESTART)" >"$SCRATCH/expected"
    rc stop 0
    echo -TERM >>"$SCRATCH/expected"
    echo DAEMON=/usr/host-sbin/keepalived >>"$ROOT/etc/sysconfig/keepalived"
    rc start 0
    sed -i /DAEMON=/d "$ROOT/etc/sysconfig/keepalived"
    rc restart 0
    echo -TERM >>"$SCRATCH/expected"
    grep -vx -e -0 "$ROOT/run/signals" | diff "$SCRATCH/expected" - || fail 'these were not the right signals'
    inside readlink "/proc/$(daemon_pid)/exe" | grep -q /usr/sbin/keepalived || fail 'ours did not take over'
    rm "$ROOT/etc/sysconfig/keepalived"
    soon 'the address is there' holds 192.0.2.13
fi

say 'stop, and once more'
rc stop 0 "$good"
rc start 0
soon 'the address is there' holds 192.0.2.13
say 'the daemon lets go of the terminal: this would wait for ever, as ssh does'
rc stop 0
timeout 30 sh -c 'env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin chroot "$1" sh /etc/init.d/keepalived start </dev/null 2>&1 | cat' - "$ROOT" ||
    fail 'the daemon keeps the standard output of the init script open'
soon 'the address is there' holds 192.0.2.13
rc stop 0
holds_not 192.0.2.13 || fail 'the address is still there'
no_daemon || fail 'a process is left'
rc status 3 stopped
rc stop 0 'not running'
[ ! -f "$ROOT/var/lock/subsys/keepalived" ] || fail 'the subsys lock is left'

say 'a pid file whose process is gone, or is not keepalived'
echo 99999 >"$ROOT/run/keepalived.pid"
rc status 1 'pid file'
sleep 60 &
other=$!
echo "$other" >"$ROOT/run/keepalived.pid"
rc status 1 'pid file'
rc stop 0 'not running'
kill -0 "$other" || fail 'stop killed a process that is not keepalived'
echo nonsense >"$ROOT/run/keepalived.pid"
rc status 1 'pid file'
rc start 0
rc status 0 "pid $(daemon_pid)"

say 'killed outright'
kill -KILL "$(daemon_pid)"
soon 'its children are gone as well' no_daemon
rc status 1 'pid file'
if [ -d "$ROOT/var/lock/subsys" ]; then
    rm "$ROOT/run/keepalived.pid"
    rc status 2 subsys
fi
rc start 0
soon 'the address is there' holds 192.0.2.13
rc stop 0
no_daemon || fail 'a process is left'

say 'options: another file and another pid file, glued, bundled, and in the foreground'
mv "$ROOT/etc/keepalived/keepalived.conf" "$ROOT/etc/keepalived/other.conf"
for options in '-D -f /etc/keepalived/other.conf -p /run/other.pid' \
    '--log-detail --use-file=/etc/keepalived/other.conf --pid=/run/other.pid' \
    '-Df/etc/keepalived/other.conf -p/run/other.pid' \
    '-nD -f /etc/keepalived/other.conf -p /run/other.pid'; do
    echo "KEEPALIVED_OPTIONS='$options'" >"$ROOT/etc/sysconfig/keepalived"
    rc start 0
    rc status 0 "pid $(cat "$ROOT/run/other.pid")"
    rc stop 0
    no_daemon || fail 'a process is left'
done
rm "$ROOT/etc/sysconfig/keepalived"
mkdir -p "$ROOT/etc/default"
echo 'DAEMON_ARGS="-D -f /etc/keepalived/other.conf"' >"$ROOT/etc/default/keepalived"
rc start 0
grep -q other.conf "/proc/$(daemon_pid)/cmdline" || fail "Debian's DAEMON_ARGS were not used"
rc stop 0
say passed
