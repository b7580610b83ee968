//! A web farm: two directors, two real servers with nginx and a client, on one network; what the servers need for direct routing,
//! and what the client gets. Not here: the directors' configuration.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Child;
use std::time::Duration;

use super::node::Node;
use super::world::{HostSpec, InterfaceSpec, World};
use super::{secs, wait_until};

/// Places of the hosts in the world.
pub const DIRECTORS: [usize; 2] = [0, 1];
pub const SERVERS: [usize; 2] = [2, 3];
pub const CLIENT: usize = 4;

/// The client waits so long for a connection, and for each part of an answer.
const PATIENCE: Duration = secs(5);
/// A page as long as a download that outlives a director.
const LONG_PAGE: &str = "/long";
/// Its length, and how many bytes of it a server sends in a second, at most.
pub const LONG_LENGTH: usize = 1 << 20;
pub const LONG_RATE: usize = 32 * 1024;

/// The farm: dropped, its servers end with their hosts.
pub struct Farm {
    /// Hosts as in `DIRECTORS`, `SERVERS` and `CLIENT`.
    pub world: World,
    web: Vec<Option<Child>>,
}

/// One network, such as `172.16.0` with `/16` on `eth0`.
pub struct Network {
    /// Of every host's interface.
    pub interface: &'static str,
    /// The first three bytes.
    pub prefix: &'static str,
    /// Its length.
    pub length: u8,
    /// Last bytes of the real servers' addresses.
    pub servers: [u8; 2],
}

impl Farm {
    /// With nothing started; the directors have `PREFIX.1` and `.2`, the client `.99`.
    pub fn new(network: &Network) -> Self {
        let [first, second] = network.servers;
        let host = |number: u8| HostSpec {
            interfaces: vec![InterfaceSpec {
                name: network.interface.into(),
                mac: format!("02:00:00:00:00:{number:02x}"),
                address: format!("{}.{number}/{}", network.prefix, network.length),
            }],
        };
        let world = World::new(&[1, 2, first, second, 99].map(host));
        let web = world.nodes.iter().map(|_| None).collect();
        Farm { world, web }
    }

    /// Starts nginx on a host; its pages say the host's number (from 1).
    pub fn serve(&mut self, host: usize) {
        let node = &self.world.nodes[host];
        node.write("/run/test/www/index.html", &(host + 1).to_string());
        node.write(
            &format!("/run/test/www{LONG_PAGE}"),
            &"x".repeat(LONG_LENGTH),
        );
        node.write(
            "/run/test/nginx.conf",
            &format!(
                "user root root;\ndaemon off;\nmaster_process off;\npid /run/test/nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n\
                 access_log off;\nserver {{\nlisten 80;\nroot /run/test/www;\n\
                 location = {LONG_PAGE} {{\nlimit_rate {LONG_RATE};\n}}\n}}\n}}\n"
            ),
        );
        let mut nginx = node.command(&["nginx", "-p", "/run/test", "-c", "/run/test/nginx.conf"]);
        let child = nginx.stderr(node.open_log()).spawn().expect("nginx");
        self.web[host] = Some(child);
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        wait_until("nginx serves", secs(20), || {
            page(&self.world.nodes[host], address).is_some()
        });
    }

    /// Ends nginx on a host, at once.
    pub fn fell(&mut self, host: usize) {
        if let Some(mut child) = self.web[host].take() {
            child.kill().expect("killing nginx");
            child.wait().expect("waiting for nginx");
        }
    }

    /// Lets the real servers take what comes for an address without saying that they have it.
    pub fn accept_for(&self, interface: &str, address: &str) {
        for server in SERVERS {
            let node = &self.world.nodes[server];
            for link in ["all", interface] {
                node.set_sysctl(&format!("net/ipv4/conf/{link}/arp_ignore"), "1");
                node.set_sysctl(&format!("net/ipv4/conf/{link}/arp_announce"), "2");
            }
            node.run(&["ip", "addr", "add", &format!("{address}/32"), "dev", "lo"]);
        }
    }

    /// Which host answers the client at an address (from 1), if one does.
    pub fn answer(&self, address: &str) -> Option<usize> {
        let address = SocketAddr::new(address.parse().expect("an address"), 80);
        page(&self.world.nodes[CLIENT], address)?
            .trim()
            .parse()
            .ok()
    }

    /// How often each of the hosts answers, of so many questions.
    pub fn shares(&self, address: &str, questions: usize) -> Vec<usize> {
        let mut shares = vec![0; self.world.nodes.len()];
        for _ in 0..questions {
            if let Some(host) = self.answer(address) {
                shares[host - 1] += 1;
            }
        }
        shares
    }

    /// Waits until only these hosts (places, from 0) answer, and each of them does.
    #[track_caller]
    pub fn wait_served_by(&self, address: &str, hosts: &[usize], bound: Duration) {
        wait_until(&format!("{hosts:?} serve"), bound, || {
            let shares = self.shares(address, 2 * hosts.len());
            (0..shares.len()).all(|host| (shares[host] > 0) == hosts.contains(&host))
        });
    }

    /// Begins a long download: the connection.
    #[track_caller]
    pub fn download(&self, address: &str) -> TcpStream {
        let address = SocketAddr::new(address.parse().expect("an address"), 80);
        self.world.nodes[CLIENT].in_network(|| {
            let mut stream = TcpStream::connect_timeout(&address, PATIENCE).expect("connecting");
            write!(stream, "GET {LONG_PAGE} HTTP/1.0\r\n\r\n").expect("asking");
            stream
        })
    }

    /// What the kernel's load balancer of a host does, as `ipvsadm -Sn` writes it.
    pub fn services(&self, host: usize) -> String {
        self.world.nodes[host].run(&["ipvsadm", "-S", "-n"])
    }
}

/// Reads so much more of a download, or says what kept it.
pub fn read_on(stream: &mut TcpStream, bytes: usize, patience: Duration) -> Result<usize, String> {
    stream
        .set_read_timeout(Some(patience))
        .map_err(|error| error.to_string())?;
    let mut buffer = vec![0; 16 * 1024];
    let mut read = 0;
    while read < bytes {
        match stream.read(&mut buffer) {
            Ok(0) => return Err(format!("it ended after {read} bytes")),
            Ok(some) => read += some,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("{error} after {read} bytes")),
        }
    }
    Ok(read)
}

/// The body of a page that a host fetches.
fn page(node: &Node, address: SocketAddr) -> Option<String> {
    node.in_network(|| {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        write!(stream, "GET / HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer.split_once("\r\n\r\n")?.1.to_owned())
    })
}
