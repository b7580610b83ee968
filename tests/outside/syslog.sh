# The installed daemon and init script with a syslog socket of the test at /dev/log (LOG_SOCKET) and facility local0.
. "$REPO/tests/outside/root.sh"

make_root
: >"$ROOT/dev/log"
mount -o bind "$LOG_SOCKET" "$ROOT/dev/log"
echo 'KEEPALIVED_OPTIONS="-D -S 0"' >"$ROOT/etc/sysconfig/keepalived"
configure 192.0.2.10/24
rc start 0
soon 'the address is there' holds 192.0.2.10
printf 'PARENT %s\nVRRP %s\n' "$(daemon_pid)" "$(vrrp_pid)"
configure 192.0.2.11/24
rc reload 0
soon 'the new address is there' holds 192.0.2.11
rc stop 0
say passed
