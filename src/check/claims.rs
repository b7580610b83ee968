//! Destinations that the configuration names more than once: a real server of two virtual servers that are one service for the kernel, or
//! the sorry server and a real server of one. The kernel has one of each, and it is there while anybody wants it, as whoever gives it the
//! greatest weight wants it.

use super::service::Place;
use crate::config::model::{Forwarding, RealServer, VirtualServer};
use crate::kernel::ipvs::{Destination, DestinationKey, ServiceKey};
use rustc_hash::FxHashMap as HashMap;
use std::cmp::Reverse;

/// Who may want a destination: a virtual server, by its place in the model, with one of its servers.
pub type Claimant = (usize, Place);

/// Who wants what, at the services where several may want the same.
#[derive(Debug, Default)]
pub struct Claims(HashMap<ServiceKey, HashMap<DestinationKey, Vec<(Claimant, Destination)>>>);

/// Whether two servers of one virtual server may be the same destination: at some of its services, by the ports that these have.
pub fn may_meet(config: &VirtualServer) -> bool {
    let sorry = config.sorry_server.as_ref().map(|sorry| sorry.address);
    let mut servers = config.real_servers.iter();
    let keeps_ports = |it: &RealServer| it.forwarding != Forwarding::Nat;
    let first = config.real_servers.first().map(keeps_ports);
    servers.any(|it| Some(it.address) == sorry || Some(keeps_ports(it)) != first)
}

impl Claims {
    /// Several may want the same at this service.
    pub fn contest(&mut self, key: ServiceKey) {
        self.0.entry(key).or_default();
    }

    /// Whether several may.
    pub fn is_contested(&self, key: &ServiceKey) -> bool {
        self.0.contains_key(key)
    }

    /// All services where several may.
    pub fn contested(&self) -> impl Iterator<Item = &ServiceKey> {
        self.0.keys()
    }

    /// Somebody wants this of a destination from now on: what the kernel is to have.
    pub fn put(
        &mut self,
        key: &ServiceKey,
        server: DestinationKey,
        claimant: Claimant,
        wanted: Option<Destination>,
    ) -> Option<Destination> {
        let Some(service) = self.0.get_mut(key) else {
            return wanted;
        };
        let claims = service.entry(server).or_default();
        claims.retain(|(other, _)| *other != claimant);
        claims.extend(wanted.map(|wanted| (claimant, wanted)));
        // Of equals the first in the file, whoever spoke last.
        let most = claims
            .iter()
            .max_by_key(|(claimant, wanted)| (wanted.weight, Reverse(*claimant)));
        let most = most.map(|(_, wanted)| *wanted);
        if claims.is_empty() {
            service.remove(&server);
        }
        most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::table::{Groups, Server};
    use crate::config::source::Memory;
    use crate::config::world::Imagined;
    use crate::config::{Options, load};

    fn servers(service: &str, statements: &str) -> Vec<VirtualServer> {
        let group = "virtual_server_group QUAY {\n 10.1.0.1 80\n 10.1.0.1 443\n}\n";
        let text = format!("{group}virtual_server {service} {{\n{statements}}}\n");
        let options = Options {
            path: "k.conf".into(),
            ..Options::default()
        };
        let files = Memory::default().with("k.conf", text);
        let world = Imagined::generous();
        load(&options, &files, &world).model.lvs.virtual_servers
    }

    /// At which ports of the services the sorry server and the real server are one destination, and whether that is foreseen.
    #[test]
    fn one_rule_says_which_servers_are_one_destination() {
        let key = |port| ServiceKey::Address {
            protocol: crate::config::model::Protocol::Tcp,
            address: "10.1.0.1".parse().expect("an address"),
            port,
        };
        // How packets reach the sorry server and which port it has, the same of the real server; where they meet.
        let rows: [(&str, &str, &str, &str, &[u16]); 8] = [
            ("NAT", "8080", "NAT", "8080", &[80, 443]),
            ("NAT", "8080", "NAT", "8081", &[]),
            ("DR", "80", "DR", "80", &[80, 443]),
            ("DR", "80", "DR", "443", &[80, 443]),
            ("DR", "80", "NAT", "80", &[80]),
            // The first port of the group is another.
            ("DR", "80", "NAT", "443", &[443]),
            ("TUN", "80", "NAT", "443", &[443]),
            ("NAT", "443", "DR", "80", &[443]),
        ];
        for (sorry_kind, sorry_port, kind, port, expected) in rows {
            let statements = format!(
                "protocol TCP\nlb_algo rr\nlb_kind NAT\nsorry_server 10.2.0.1 {sorry_port}\nsorry_server_lvs_method {sorry_kind}\n\
                 real_server 10.2.0.1 {port} {{\nlvs_method {kind}\n}}\n"
            );
            let configs = servers("group QUAY", &statements);
            let config = &configs[0];
            let sorry = Server::from(config.sorry_server.as_ref().expect("a sorry server"));
            let real = Server::from(&config.real_servers[0]);
            let meets = |port: &u16| sorry.key(&key(*port)) == real.key(&key(*port));
            let ports: Vec<u16> = [80, 443].into_iter().filter(meets).collect();
            assert_eq!(ports, expected, "{statements}");
            assert!(may_meet(config), "{statements}");
        }
    }

    #[test]
    fn servers_of_other_addresses_do_not_meet() {
        let meets = |statements: &str| {
            let usual = "protocol TCP\nlb_algo rr\nlb_kind DR\n";
            may_meet(&servers("group QUAY", &format!("{usual}{statements}"))[0])
        };
        let one = "real_server 10.2.0.1 80 {\n}\n";
        assert!(!meets(one));
        assert!(!meets(&format!("sorry_server 10.2.0.2 80\n{one}")));
        assert!(meets(&format!("sorry_server 10.2.0.1 80\n{one}")));
        let nat = "real_server 10.2.0.1 443 {\nlvs_method NAT\n}\n";
        assert!(meets(&format!("{one}{nat}")));
        assert!(!meets(nat));
    }

    #[test]
    fn a_destination_is_there_while_anybody_wants_it() {
        let configs = servers(
            "10.1.0.1 80",
            "protocol TCP\nlb_algo rr\nlb_kind NAT\nsorry_server 10.2.0.1 80\nreal_server 10.2.0.1 80 {\nuthreshold 9\n}\n",
        );
        let key = Groups::of(&Default::default()).keys(&configs[0])[0];
        let sorry = Server::from(configs[0].sorry_server.as_ref().expect("a sorry server"));
        let real = Server::from(&configs[0].real_servers[0]);
        let server = real.key(&key).expect("it can be reached");
        let mut claims = Claims::default();
        let of_sorry = (0, Place::Sorry);
        let (of_first, of_second) = ((0, Place::Server(0)), (1, Place::Server(0)));
        let want = |it: &Server, weight| Some(it.destination(weight));
        // Where nobody else can want it, nothing is remembered.
        assert_eq!(
            claims.put(&key, server, of_first, want(&real, 3)),
            want(&real, 3)
        );
        assert_eq!(claims.put(&key, server, of_sorry, None), None);
        claims.contest(key);
        assert!(claims.is_contested(&key));
        // Who, what he wants; what the kernel is to have.
        let rows = [
            (of_first, want(&real, 3), want(&real, 3)),
            (of_sorry, None, want(&real, 3)),
            (of_second, want(&real, 5), want(&real, 5)),
            (of_second, want(&real, 2), want(&real, 3)),
            (of_first, None, want(&real, 2)),
            (of_first, want(&real, 0), want(&real, 2)),
            (of_second, None, want(&real, 0)),
            (of_sorry, want(&sorry, 1), want(&sorry, 1)),
            // Of equals the first in the file.
            (of_first, want(&real, 1), want(&real, 1)),
            (of_second, want(&sorry, 1), want(&real, 1)),
            (of_first, None, want(&sorry, 1)),
            (of_sorry, None, want(&sorry, 1)),
            (of_second, None, None),
        ];
        for (claimant, wanted, expected) in rows {
            let found = claims.put(&key, server, claimant, wanted);
            assert_eq!(found, expected, "{claimant:?} {wanted:?}");
        }
    }
}
