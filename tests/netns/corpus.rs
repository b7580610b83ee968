//! `-t` on real people's files: the binary says of each what keepalived says, or what the ledger says instead, and none crashes it.
//! Run on a host that has every interface and script these files name.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::Binary::Ours;
use crate::support::must_run_all;
use crate::support::stage::{Case, case};
use crate::support::world::{HostSpec, World};

/// Where the host sees a root that may be written to.
const ROOT: &str = "/run/test/root";

/// The cases of this part.
pub fn cases() -> Vec<Case> {
    vec![case("corpus::exit_statuses", exit_statuses)]
}

/// The files where we differ on purpose: name, our status, why.
fn ledger() -> BTreeMap<String, i32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/deviations.tsv");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let rows = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    rows.filter_map(|row| {
        let mut columns = row.split('\t');
        Some((columns.next()?.to_owned(), columns.next()?.parse().ok()?))
    })
    .collect()
}

/// A copy-on-write view of the whole root, so that scripts can be put anywhere without a trace. Folder by folder: the kernel
/// refuses to lay one over a root with mounts of a more privileged namespace in it.
const MAKE_ROOT: &str = r#"
set -e
mkdir -p $ROOT /run/test/over
mount -t tmpfs -o mode=755 tmpfs $ROOT
mount -t tmpfs tmpfs /run/test/over
for place in /*; do
    name=${place#/}
    if [ -L $place ]; then
        cp -P $place $ROOT$place
    elif [ -d $place ]; then
        mkdir -m 755 $ROOT$place
        case $name in
        proc | dev | sys | run) mount --rbind $place $ROOT$place ;;
        tmp) ;;
        *)
            mkdir -p /run/test/over/$name/upper /run/test/over/$name/work
            options=lowerdir=$place,upperdir=/run/test/over/$name/upper,workdir=/run/test/over/$name/work
            case $name in
            # What has mounts of its own stays empty, unless programs could not run without it.
            usr | lib* | bin | sbin | etc) mount -t overlay overlay -o $options $ROOT$place ;;
            *) mount -t overlay overlay -o $options $ROOT$place 2>/dev/null || true ;;
            esac
            ;;
        esac
    fi
done
mkdir -p $ROOT/etc/keepalived
mount -t tmpfs -o mode=755 tmpfs $ROOT/etc/keepalived
"#;

fn exit_statuses() {
    let shared = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let (Ok(truth), Ok(interfaces), Ok(scripts)) = (
        fs::read_to_string(shared.join("truth.tsv")),
        fs::read_to_string(shared.join("interfaces.txt")),
        fs::read_to_string(shared.join("script-paths.txt")),
    ) else {
        assert!(
            !must_run_all(),
            "the files are missing: {}",
            shared.display()
        );
        println!("not run: the files are missing: {}", shared.display());
        return;
    };
    let world = World::new(&[HostSpec { interfaces: vec![] }]);
    let node = &world.nodes[0];
    let mut plan = String::new();
    for (number, name) in interfaces.split_whitespace().enumerate() {
        plan += &format!("link add {name} type veth peer name p{number}\n");
        plan += &format!(
            "addr add 10.99.{number}.1/24 dev {name}\naddr add fd00:99:{number}::1/64 dev {name} nodad\n"
        );
        plan += &format!("link set {name} up\nlink set p{number} up\n");
    }
    node.write("/run/test/plan", &plan);
    node.run(&["ip", "-batch", "/run/test/plan"]);
    node.run(&["env", &format!("ROOT={ROOT}"), "sh", "-c", MAKE_ROOT]);
    let root = node.path(ROOT);
    for script in scripts.lines().filter(|line| line.starts_with('/')) {
        let path = root.join(&script[1..]);
        if !path.exists() {
            node.write_script(&format!("{ROOT}{script}"), "#!/bin/sh\nexit 0\n");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
            .unwrap_or_else(|error| panic!("{script}: {error}"));
    }

    let ledger = ledger();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for row in truth.lines().skip(1) {
        let columns = row.split('\t').collect::<Vec<_>>();
        let (name, status) = (columns[1], columns[2].parse::<i32>().expect("a status"));
        let text = fs::read(shared.join(name)).expect("a file of the corpus");
        fs::create_dir_all(root.join("tmp/corpus")).expect("a folder");
        fs::write(root.join("tmp/corpus").join(name), text).expect("a copy");
        let (got, output) = node.try_run(&[
            "chroot",
            ROOT,
            Ours.inside(),
            "-t",
            "-f",
            &format!("/tmp/corpus/{name}"),
        ]);
        let want = ledger.get(name).copied().unwrap_or(status);
        seen += 1;
        if got.code() != Some(want) {
            let said = columns.get(4).copied().unwrap_or_default();
            wrong.push(format!(
                "{name}: {got}, wanted {want} (keepalived: {said})\n{output}"
            ));
        }
    }
    assert!(seen >= 100, "only {seen} files");
    assert!(
        wrong.is_empty(),
        "{} of {seen} files:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
