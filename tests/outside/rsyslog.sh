# The real rsyslogd, set up with README's own lines: the file gets the messages, also after rsyslogd was restarted and after
# logrotate turned the file.
. "$REPO/tests/outside/root.sh"

options=$(sed -n 's/^    \(KEEPALIVED_OPTIONS=".*"\)$/\1/p' "$REPO/README.md")
rule=$(sed -n 's/^    \(local0\.\*.*\)$/\1/p' "$REPO/README.md")
[ -n "$options" ] && [ -n "$rule" ] || fail 'README no longer has the two lines of its rsyslog recipe'
grep -qxF "$rule" "$REPO/contrib/rsyslog/keepalived.conf" || fail 'the installed drop-in is not what README shows'

make_root
cat >"$ROOT/etc/rsyslog.conf" <<'END'
module(load="imuxsock")
$IncludeConfig /etc/rsyslog.d/*.conf
*.*;local0.none    /var/log/syslog
END
echo "$options" >"$ROOT/etc/sysconfig/keepalived"

start_rsyslogd() {
    inside /usr/host-sbin/rsyslogd -i /run/rsyslogd.pid
    soon 'rsyslogd listens' test -S "$ROOT/dev/log"
    soon 'rsyslogd has its pid file' test -s "$ROOT/run/rsyslogd.pid"
}

stop_rsyslogd() {
    pid=$(cat "$ROOT/run/rsyslogd.pid")
    kill -TERM "$pid"
    soon 'rsyslogd ended' test ! -d "/proc/$pid"
    rm -f "$ROOT/dev/log" "$ROOT/run/rsyslogd.pid"
}

start_rsyslogd
configure 192.0.2.10/24
rc start 0
soon 'the state change is in the file' logged keepalived.log 'Keepalived_vrrp\[[0-9]*\]: (VI_1) Entering MASTER STATE'
logged keepalived.log ' Keepalived\[[0-9]*\]: ' || fail 'nothing of the parent in the file'
if [ -f "$ROOT/var/log/syslog" ] && grep -q 'Keepalived\(_vrrp\)\?\[' "$ROOT/var/log/syslog"; then
    fail 'messages with another facility than local0'
fi
soon 'the address is there' holds 192.0.2.10

say 'rsyslogd away, then back: nothing else notices, and messages come again'
vrrp=$(vrrp_pid)
stop_rsyslogd
configure 192.0.2.11/24
rc reload 0
soon 'the new address is there, without a log' holds 192.0.2.11
start_rsyslogd
: >"$ROOT/var/log/keepalived.log"
configure 192.0.2.12/24
rc reload 0
soon 'messages of the parent after the restart' logged keepalived.log ' Keepalived\[[0-9]*\]: '
soon 'messages of the VRRP process after the restart' logged keepalived.log ' Keepalived_vrrp\[[0-9]*\]: '
[ "$(vrrp_pid)" = "$vrrp" ] || fail 'the VRRP process was replaced'

say 'logrotate turns the file'
[ -x /usr/sbin/logrotate ] || fail 'no logrotate'
inside /usr/host-sbin/logrotate -f -s /var/lib/logrotate/status /etc/logrotate.d/keepalived
[ -s "$ROOT/var/log/keepalived.log.1" ] || fail 'the old file is not there'
configure 192.0.2.13/24
rc reload 0
soon 'messages in the new file' logged keepalived.log 'Keepalived_vrrp\['
rc stop 0
soon 'the end is in the file' logged keepalived.log 'Stopped Keepalived'
say passed
