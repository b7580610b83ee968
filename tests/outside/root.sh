# A throw-away root for what is installed: its own /etc, /run, /var/log, /dev and /proc, the machine's libraries read-only. Sourced
# by the cases, which run inside `unshare -Urnmpf --mount-proc`; all of it ends with that namespace.
# Given: REPO, BIN (the daemon under test), SCRATCH (an empty directory), SYSTEM: debian (the machine's /usr/bin) or
# busybox (nothing but applets, without those a minimal system may lack), INIT_SHELL: how the init script is run.
# Not here: what is expected (the cases).
set -eu
PATH=$PATH:/usr/sbin:/sbin
ROOT=$SCRATCH/root
LACKING='pidof start-stop-daemon setsid killall pgrep pkill'

say() {
    printf '# %s\n' "$*"
}

fail() {
    printf 'FAILED: %s\n' "$*"
    # What the daemon said helps most.
    for file in "$ROOT"/var/log/* "$SCRATCH"/output; do
        if [ -f "$file" ]; then
            printf -- '--- %s\n' "$file"
            tail -n 40 "$file"
        fi
    done
    exit 1
}

bind() {
    mkdir -p "$2"
    mount -o bind,ro "$1" "$2"
}

make_root() {
    mkdir -p "$ROOT"
    mount -t tmpfs none "$ROOT"
    # First, so that nothing of it can land in the machine's own directories.
    make -s -C "$REPO" install DESTDIR="$ROOT" BIN="$BIN" >"$SCRATCH/installed"
    for name in bin sbin lib lib32 lib64 libx32; do
        if [ -L "/$name" ]; then
            ln -s "$(readlink "/$name")" "$ROOT/$name"
        elif [ -d "/$name" ]; then
            bind "/$name" "$ROOT/$name"
        fi
        case $name in
            lib*) [ ! -d "/usr/$name" ] || bind "/usr/$name" "$ROOT/usr/$name" ;;
        esac
    done
    bind /usr/sbin "$ROOT/usr/host-sbin"
    if [ "$SYSTEM" = busybox ]; then
        mkdir -p "$ROOT/usr/bin"
        cp "$(command -v busybox)" "$ROOT/usr/bin/busybox"
        for applet in $(busybox --list); do
            case " $LACKING " in
                *" $applet "*) ;;
                *) [ "$applet" = busybox ] || ln -s busybox "$ROOT/usr/bin/$applet" ;;
            esac
        done
    else
        bind /usr/bin "$ROOT/usr/bin"
    fi
    mkdir -p "$ROOT/dev" "$ROOT/proc" "$ROOT/run" "$ROOT/tmp" "$ROOT/var/log" "$ROOT/var/lib/logrotate" "$ROOT/root"
    ln -s /run "$ROOT/var/run"
    for node in null zero full random urandom; do
        : >"$ROOT/dev/$node"
        mount -o bind "/dev/$node" "$ROOT/dev/$node"
    done
    mount -t proc none "$ROOT/proc"
    for file in passwd group nsswitch.conf ld.so.cache; do
        [ ! -f "/etc/$file" ] || cp "/etc/$file" "$ROOT/etc/$file"
    done
    ip link set lo up
    ip link add eth0 type veth peer name far0
    ip addr add 192.0.2.1/24 dev eth0
    ip link set eth0 up
    ip link set far0 up
}

# configure ADDRESS: one instance that becomes master within two seconds.
configure() {
    cat >"$ROOT/etc/keepalived/keepalived.conf" <<END
global_defs {
    router_id node1
}
vrrp_instance VI_1 {
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 250
    advert_int 1
    virtual_ipaddress {
        $1
    }
}
END
}

inside() {
    env -i TERM=dumb PATH=/usr/bin:/bin:/usr/sbin:/sbin chroot "$ROOT" "$@"
}

# rc ACTION EXPECTED_STATUS [TEXT]: the installed init script; TEXT is a pattern of grep that its output must have.
rc() {
    status=0
    # shellcheck disable=SC2086  # a command with arguments
    inside $INIT_SHELL /etc/init.d/keepalived "$1" >"$SCRATCH/output" 2>&1 </dev/null || status=$?
    sed "s/^/  $1: /" "$SCRATCH/output"
    [ "$status" -eq "$2" ] || fail "$1: exit status $status, not $2"
    [ -z "${3-}" ] || grep -q -e "$3" "$SCRATCH/output" || fail "$1 did not say \"$3\""
}

# soon TEXT COMMAND...: within ten seconds the command succeeds.
soon() {
    what=$1
    shift
    tries=100
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "not within ten seconds: $what"
        sleep 0.1
    done
}

holds() {
    ip -o -4 addr show dev eth0 | grep -q " $1[/ ]"
}

holds_not() {
    ! holds "$1"
}

daemon_pid() {
    cat "$ROOT/run/keepalived.pid"
}

vrrp_pid() {
    cat "$ROOT/run/vrrp.pid"
}

# no_daemon: nothing of it is left in this pid namespace.
no_daemon() {
    for exe in /proc/[0-9]*/exe; do
        case $(readlink "$exe" 2>/dev/null) in
            */usr/sbin/keepalived*) return 1 ;;
        esac
    done
    return 0
}

logged() {
    grep -q -e "$2" "$ROOT/var/log/$1"
}
