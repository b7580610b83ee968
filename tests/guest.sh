#!/bin/sh
# Puts Debian's user-mode Linux kernel into a folder: DIR/linux and DIR/modules/. The package is fetched and unpacked, never
# installed, and nothing here needs root. A folder that has it already is left alone.
# usage: guest.sh DIR
set -eu
[ $# -eq 1 ] || { echo "usage: $0 DIR" >&2; exit 2; }
target=$1
[ ! -x "$target/linux" ] || exit 0
for program in apt-get dpkg-deb; do
    command -v "$program" >/dev/null || { echo "no $program here to fetch the package user-mode-linux with" >&2; exit 1; }
done
mkdir -p "$(dirname "$target")"
staging=$(mktemp -d "$target.XXXXXX")
trap 'rm -rf "$staging"' EXIT
trap 'exit 1' HUP INT TERM
cd "$staging"

# The machine's own package lists may be empty, as in a fresh container, and are root's to fill: then lists of our own.
fetch() {
    mkdir -p lists/partial cache/archives/partial
    apt-get -qq -o APT::Sandbox::User=root download user-mode-linux </dev/null && return
    own="-qq -o APT::Sandbox::User= -o Dir::State::Lists=$staging/lists -o Dir::Cache=$staging/cache"
    # shellcheck disable=SC2086
    apt-get $own update </dev/null && apt-get $own download user-mode-linux </dev/null
}
fetch
dpkg-deb -x user-mode-linux_*.deb package
mkdir kernel
mv package/usr/bin/linux.uml kernel/linux
mv package/usr/lib/uml/modules/*/ kernel/modules
# Whoever is first wins; the others take what is there.
mv -T kernel "$target" 2>/dev/null || [ -x "$target/linux" ]
