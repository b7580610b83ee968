#!/bin/sh
# What the tests use beyond Cargo's packages: says what is missing and how to get it; --install gets it (Debian, as root).
# Without the needed ones no test can run: exit status 1. Without a wanted one the tests that use it say so and pass, unless
# KEEPALIVED_TEST_ALL=1. Not here: what the tests do with it.
set -u
PATH=$PATH:/sbin:/usr/sbin
LOWEST_RUST=1.88

# kind, program, Debian package, what for
programs() {
    cat <<'END'
needed cc gcc linking
needed make make installing
needed ip iproute2 interfaces between the nodes of a test
needed unshare util-linux namespaces: no test touches this machine's network
needed ps procps looking at the processes of a test
wanted keepalived keepalived the same cases with the original on one side
wanted /usr/lib/frr/vrrpd frr pairs with FRR's VRRP
wanted /usr/lib/frr/bfdd frr pairs with FRR's BFD
wanted nft nftables looking at the packet filter
wanted ping iputils-ping asking virtual addresses for an answer
wanted rsyslogd rsyslog messages as rsyslogd files them
wanted strace strace children that die before they have begun
wanted logrotate logrotate turning the log file
wanted dash dash the init script under this shell
wanted busybox busybox the init script on a minimal system
wanted mandoc mandoc reading the manual pages
wanted dpkg-deb dpkg unpacking the kernel of tests/guest.rs
wanted ipvsadm ipvsadm reading the load balancer of tests/guest/ipvs.rs
wanted nginx nginx web servers that are checked, and a service whose end moves an address
wanted dnsmasq dnsmasq-base a name server that is checked
wanted iptables-legacy iptables marking packets in the kernel of tests/balance.rs
wanted aiosmtpd python3-aiosmtpd a mail server that is checked and takes alerts
wanted killall psmisc track scripts as people write them
END
}

missing() {
    programs | while read -r kind program package purpose; do
        command -v "$program" >/dev/null 2>&1 || [ "$kind" != "$1" ] || echo "$package $program: $purpose"
    done
}

# The packages must not start what they bring: a keepalived or rsyslogd of the machine itself is none of the tests' business.
install_missing() {
    packages=$( (missing needed; missing wanted) | cut -d ' ' -f 1)
    [ -n "$packages" ] || return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "no apt-get here: install with this system's package manager: $(echo $packages)" >&2
        return 1
    fi
    policy=/usr/sbin/policy-rc.d
    ours=no
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && ours=yes
        trap '[ "$ours" = no ] || rm -f "$policy"' EXIT
        trap 'exit 1' HUP INT TERM
    fi
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    apt-get update -q </dev/null || return
    # shellcheck disable=SC2086
    apt-get install -y -q --no-install-recommends $packages </dev/null
}

if [ "${1-}" = --install ]; then
    install_missing || exit 1
fi

status=0
if ! command -v cargo >/dev/null 2>&1; then
    echo "needed and missing: cargo $LOWEST_RUST or newer (https://rustup.rs)" >&2
    status=1
else
    have=$(cargo --version | cut -d ' ' -f 2)
    if [ "$(printf '%s\n%s\n' "$LOWEST_RUST" "$have" | sort -V | head -n 1)" != "$LOWEST_RUST" ]; then
        echo "needed: cargo $LOWEST_RUST or newer, this is $have (https://rustup.rs)" >&2
        status=1
    fi
fi
for kind in needed wanted; do
    list=$(missing "$kind")
    [ -n "$list" ] || continue
    [ "$kind" = wanted ] || status=1
    printf '%s\n' "$list" | sed "s/^[^ ]* /$kind and missing: /" >&2
    printf 'get them with: apt-get install -y --no-install-recommends %s\n' "$(printf '%s\n' "$list" | cut -d ' ' -f 1 | tr '\n' ' ')" >&2
done
if command -v unshare >/dev/null 2>&1 && ! unshare -Urnmpf --mount-proc true 2>/dev/null; then
    cat >&2 <<'END'
needed: namespaces for a user who is not root. Try as root, whichever exists:
    sysctl -w user.max_user_namespaces=10000
    sysctl -w kernel.unprivileged_userns_clone=1
    sysctl -w kernel.apparmor_restrict_unprivileged_userns=0
END
    status=1
fi
if [ "$status" -eq 0 ]; then
    if [ "${KEEPALIVED_TEST_ALL-}" = 1 ] && [ -n "$(missing wanted)" ]; then
        status=1
    fi
fi
exit "$status"
