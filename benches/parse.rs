//! Reading configurations of the sizes that keepalived is slow with, from text to model.

#[path = "text/real_servers.rs"]
mod text;

use divan::Bencher;
use keepalived::config::source::Memory;
use keepalived::config::world::Imagined;
use keepalived::config::{Options, load};
use std::fmt::Write;
use text::real_servers;

const FILE: &str = "/keepalived.conf";

fn main() {
    divan::main();
}

fn instances(count: usize) -> String {
    let mut text = String::new();
    for n in 0..count {
        let (vrid, high, low) = (n % 255 + 1, n / 250, n % 250 + 1);
        let _ = writeln!(
            text,
            "vrrp_instance V{n} {{\n  interface eth{}\n  virtual_router_id {vrid}\n  priority 100\n  advert_int 1\n  virtual_ipaddress {{\n    10.100.{high}.{low}/24\n  }}\n}}",
            n / 255
        );
    }
    text
}

fn bench(bencher: Bencher<'_, '_>, text: String) {
    let options = Options {
        path: FILE.into(),
        ..Options::default()
    };
    let files = Memory::default().with(FILE, text);
    let world = Imagined::generous();
    bencher.bench_local(|| load(&options, &files, &world));
}

#[divan::bench(args = [100, 1_000, 10_000], sample_count = 10)]
fn vrrp_instances(bencher: Bencher<'_, '_>, count: usize) {
    bench(bencher, instances(count));
}

#[divan::bench(args = [1_000, 10_000], sample_count = 10)]
fn real_servers_of_one_service(bencher: Bencher<'_, '_>, count: usize) {
    bench(bencher, real_servers(1, count));
}

#[divan::bench(args = [1_000, 10_000], sample_count = 5)]
fn services_of_ten_real_servers(bencher: Bencher<'_, '_>, count: usize) {
    bench(bencher, real_servers(count, 10));
}
