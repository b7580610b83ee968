#!/bin/sh
# What `make install` and `make uninstall` do: the list of files, where each goes, and the rule that a file an
# administrator changed is neither overwritten nor removed. Called by the Makefile, which gives the places.
# Not here: building (Makefile), what the files say (the files).
set -eu

# One line a file: kind, mode, source, destination. "plain" files are ours and always replaced; "config" files belong to
# the administrator once changed.
files() {
    cat <<END
plain 755 contrib/init.d/keepalived $sysconfdir/init.d/keepalived
plain 644 contrib/systemd/keepalived.service $unitdir/keepalived.service
plain 644 contrib/man/genhash.1 $mandir/man1/genhash.1
plain 644 contrib/man/keepalived.8 $mandir/man8/keepalived.8
plain 644 contrib/man/keepalived.conf.5 $mandir/man5/keepalived.conf.5
plain 644 README.md $docdir/README.md
plain 644 CHANGELOG.md $docdir/CHANGELOG.md
plain 644 contrib/doc/differences.md $docdir/differences.md
config 644 contrib/sysconfig/keepalived $sysconfdir/sysconfig/keepalived
config 644 contrib/rsyslog/keepalived.conf $sysconfdir/rsyslog.d/keepalived.conf
config 644 contrib/logrotate/keepalived $sysconfdir/logrotate.d/keepalived
config 644 contrib/samples/keepalived.conf $sysconfdir/keepalived/keepalived.conf.sample
END
    for sample in contrib/samples/*.conf; do
        echo "plain 644 $sample $docdir/samples/${sample##*/}"
    done
}

# The files name the usual places; a machine that has others gets those. Printed to standard output.
placed() {
    sed -e "s|/usr/sbin/keepalived|$sbindir/keepalived|g" \
        -e "s|/etc/|$sysconfdir/|g" "$1"
}

# put MODE DESTINATION, content on standard input. Written beside it and renamed: a running daemon keeps its binary, and
# nobody reads half a file.
put() {
    mkdir -p "${2%/*}"
    cat >"$2.new.$$"
    chmod "$1" "$2.new.$$"
    mv -f "$2.new.$$" "$2"
}

# same_as_ours SOURCE DESTINATION
same_as_ours() {
    placed "$1" | cmp -s - "$2"
}

install_all() {
    put 755 "$DESTDIR$sbindir/keepalived" <"$1"
    echo "$DESTDIR$sbindir/keepalived"
    # By that name it is genhash.
    mkdir -p "$DESTDIR$bindir"
    ln -sf "$sbindir/keepalived" "$DESTDIR$bindir/genhash"
    echo "$DESTDIR$bindir/genhash"
    files | while read -r kind mode source place; do
        if [ "$kind" = config ] && [ -e "$DESTDIR$place" ] && ! same_as_ours "$source" "$DESTDIR$place"; then
            echo "$DESTDIR$place: was changed, left as it is (ours: $source)"
            continue
        fi
        placed "$source" | put "$mode" "$DESTDIR$place"
        echo "$DESTDIR$place"
    done
}

uninstall_all() {
    rm -f "$DESTDIR$sbindir/keepalived" "$DESTDIR$bindir/genhash"
    files | while read -r kind mode source place; do
        [ -e "$DESTDIR$place" ] || continue
        if [ "$kind" = config ] && ! same_as_ours "$source" "$DESTDIR$place"; then
            echo "$DESTDIR$place: was changed, left as it is"
            continue
        fi
        rm -f "$DESTDIR$place"
    done
    # Ours alone, and gone only when empty: an administrator's files keep them.
    for place in "$docdir/samples" "$docdir" "$sysconfdir/keepalived"; do
        [ ! -d "$DESTDIR$place" ] || rmdir "$DESTDIR$place" 2>/dev/null || true
    done
}

# A binary without a program header for the dynamic loader needs no library of the machine it runs on.
is_static() {
    case $(ldd "$1" 2>&1 || true) in
        *'statically linked'* | *'not a dynamic executable'* | *'Not a valid dynamic program'*)
            echo "$1: static"
            ;;
        *)
            echo "$1 is not static:" >&2
            ldd "$1" >&2
            exit 1
            ;;
    esac
}

case ${1-} in
    install) install_all "$2" ;;
    uninstall) uninstall_all ;;
    is-static) is_static "$2" ;;
    *)
        echo "usage: $0 install BINARY | uninstall | is-static BINARY" >&2
        exit 2
        ;;
esac
