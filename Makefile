# Building, checking and installing keepalived. Plain make (POSIX and GNU); Cargo does the building.
#
#   make            build the daemon (release)
#   make check      run all tests; says what is missing on this machine
#   make demo       two nodes, one virtual IP, one kill: watch the takeover, no root needed (DEMO=interactive to play)
#   make install    DESTDIR=, PREFIX=, bindir=, sbindir=, sysconfdir=, mandir=, docdir=, unitdir=, BIN=
#                   are understood
#   make uninstall  removes what install put there, but no file that was changed since
#   make static     a binary without shared libraries, for minimal systems
#   make needs      what the tests use that is missing here (make needs-install: get it with apt-get, as root)
#   make clean

PREFIX = /usr
prefix = $(PREFIX)
bindir = $(prefix)/bin
sbindir = $(prefix)/sbin
sysconfdir = /etc
mandir = $(prefix)/share/man
docdir = $(prefix)/share/doc/keepalived
unitdir = $(prefix)/lib/systemd/system

CARGO = cargo
STATIC_TARGET = x86_64-unknown-linux-gnu
TARGET_DIR = target
BIN = $(TARGET_DIR)/release/keepalived
STATIC_BIN = $(TARGET_DIR)/$(STATIC_TARGET)/release/keepalived

PLACES = DESTDIR='$(DESTDIR)' bindir='$(bindir)' sbindir='$(sbindir)' sysconfdir='$(sysconfdir)' mandir='$(mandir)' docdir='$(docdir)' unitdir='$(unitdir)'

all: build

build:
	$(CARGO) build --release --locked --bins --target-dir $(TARGET_DIR)

check: needs
	@CARGO='$(CARGO)' sh tests/check.sh --locked --target-dir $(TARGET_DIR)

needs:
	@sh tests/needs.sh

needs-install:
	sh tests/needs.sh --install

demo: build
	KEEPALIVED_BIN='$(BIN)' CARGO='$(CARGO)' contrib/demo/demo

static:
	RUSTFLAGS='-C target-feature=+crt-static' $(CARGO) build --release --locked --bins --target $(STATIC_TARGET) --target-dir $(TARGET_DIR)
	@sh contrib/install.sh is-static '$(STATIC_BIN)'
	@echo 'install it with: make install BIN=$(STATIC_BIN)'

# Installing as root must not need Cargo: what is built already is taken as it is.
install:
	@test -x '$(BIN)' || $(MAKE) build
	@$(PLACES) sh contrib/install.sh install '$(BIN)'

uninstall:
	@$(PLACES) sh contrib/install.sh uninstall

clean:
	$(CARGO) clean --target-dir $(TARGET_DIR)

.PHONY: all build check needs needs-install demo static install uninstall clean
