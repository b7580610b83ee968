//! The VRRP codec: an advert read and written, with one address and with as many as fit.

use divan::{Bencher, black_box};
use keepalived::wire::vrrp::v2::{Advert, address_bytes};
use std::net::Ipv4Addr;

const COUNTS: [u8; 3] = [1, 20, 250];

fn main() {
    divan::main();
}

fn addresses(count: u8) -> Vec<u8> {
    address_bytes((0..count).map(|n| Ipv4Addr::new(10, 0, 0, n)))
}

#[divan::bench(args = COUNTS)]
fn emit(bencher: Bencher<'_, '_>, count: u8) {
    let addresses = addresses(count);
    bencher.bench(|| {
        Advert::new(51, 100, 1, black_box(&addresses))
            .with_password(b"s3cr3t")
            .emit()
    });
}

#[divan::bench(args = COUNTS)]
fn parse(bencher: Bencher<'_, '_>, count: u8) {
    let addresses = addresses(count);
    let message = Advert::new(51, 100, 1, &addresses)
        .with_password(b"s3cr3t")
        .emit();
    assert!(Advert::parse(&message).is_ok());
    bencher.bench(|| Advert::parse(black_box(&message)).map(|advert| advert.priority));
}
