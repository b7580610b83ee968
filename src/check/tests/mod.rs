//! Services and checks as tables: what the shell would do, in order, when checks find what they find. The facts are those of keepalived
//! as it runs (2.2.7 and 2.4.3), but for those of the project's list of differences.

mod bfd;
mod carried;
mod expiry;
mod failures;
mod files;
mod mails;
mod quorum;
mod reload;
mod schedule;
mod scripts;
mod suspend;

use super::claims::Claims;
use super::dialogue::Failure;
use super::director::Director;
use super::kept::{Kept, Past};
use super::service::Place;
use super::table::Groups;
use super::{Action, CheckId};
use crate::config::model::Lvs;
use crate::config::source::Memory;
use crate::config::world::Imagined;
use crate::config::{Options, load};
use crate::time::Instant;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

const T0: Instant = Instant(1_000_000_000_000);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The load balancer's part of a text.
fn lvs(text: &str) -> Lvs {
    let options = Options {
        path: "k.conf".into(),
        ..Options::default()
    };
    let loaded = load(
        &options,
        &Memory::default().with("k.conf", text),
        &Imagined::generous(),
    );
    loaded.model.lvs
}

/// A service with these statements and so many servers, 10.0.0.1 weighing 1, 10.0.0.2 weighing 2 and so on, each with one TCP check.
fn service(statements: &str, servers: u32) -> String {
    let servers: String = (1..=servers)
        .map(|n| server(n, &format!("weight {n}\nTCP_CHECK {{\n}}\n")))
        .collect();
    whole(statements, &servers)
}

fn whole(statements: &str, servers: &str) -> String {
    format!(
        "virtual_server 10.9.9.9 80 {{\nprotocol TCP\nlb_algo rr\nlb_kind NAT\ndelay_loop 4\nretry 2\ndelay_before_retry 1\nwarmup 0\n\
         quorum_up /bin/vs-up\nquorum_down /bin/vs-down\n{statements}\n{servers}}}\n"
    )
}

fn server(n: u32, statements: &str) -> String {
    format!(
        "real_server 10.0.0.{n} 80 {{\nnotify_up \"/bin/up {n}\"\nnotify_down \"/bin/down {n}\"\n{statements}}}\n"
    )
}

/// A director and what its kernel would have.
struct Play {
    lvs: Lvs,
    director: Director,
    now: Instant,
    claims: Claims,
    /// By what the log calls them: the weight.
    kernel: BTreeMap<String, u32>,
    /// When checks are due.
    due: BTreeMap<u32, Instant>,
    /// What was done last, as words.
    done: Vec<String>,
}

impl Play {
    fn new(text: &str) -> Self {
        Play::resumed(text, HashMap::new())
    }

    /// In the place of another process, which has kept this.
    fn resumed(text: &str, kept: HashMap<u64, Kept>) -> Self {
        let has_stopped = false;
        Play::after(text, Past { kept, has_stopped })
    }

    fn after(text: &str, past: Past) -> Self {
        let mut play = Play {
            lvs: Lvs::default(),
            director: Director::default(),
            claims: Claims::default(),
            now: T0,
            kernel: BTreeMap::new(),
            due: BTreeMap::new(),
            done: Vec::new(),
        };
        play.take(text, &past);
        play
    }

    /// What another would have to know.
    fn kept(&self) -> HashMap<u64, Kept> {
        let services = self.lvs.virtual_servers.iter().enumerate();
        let places = services.flat_map(|(service, config)| {
            let servers = (0..config.real_servers.len()).map(Some);
            servers.chain([None]).map(move |server| (service, server))
        });
        let kept = places.map(|(service, server)| self.director.kept(&self.lvs, service, server));
        kept.map(|kept| kept.expect("it is there")).collect()
    }

    fn configure(&mut self, text: &str) {
        self.take(text, &Past::default());
    }

    fn take(&mut self, text: &str, past: &Past) {
        let old = std::mem::replace(&mut self.lvs, lvs(text));
        let groups = Groups::of(&self.lvs);
        let keys = self
            .lvs
            .virtual_servers
            .iter()
            .flat_map(|it| groups.keys(it));
        self.claims = Claims::default();
        keys.for_each(|key| self.claims.contest(key));
        let mut actions = Vec::new();
        self.director
            .configure(self.now, &old, &self.lvs, past, &mut || 0, &mut actions);
        self.perform(actions);
    }

    fn put(&mut self, service: usize, place: Place, weight: Option<u32>) {
        let config = &self.lvs.virtual_servers[service];
        let server = place.find(config).expect("a server");
        for key in Groups::of(&self.lvs).keys(config) {
            let at = server.key(&key).expect("it can be reached");
            let wanted = weight.map(|weight| server.destination(weight));
            let wanted = self.claims.put(&key, at, (service, place), wanted);
            let weight = wanted.map(|it| it.weight);
            let server = match at.port {
                80 => at.address.to_string(),
                port => format!("{}:{port}", at.address),
            };
            let name = match key.to_string().as_str() {
                "[10.9.9.9]:tcp:80" => server,
                other => format!("{other} {server}"),
            };
            let before = self.kernel.get(&name).copied();
            match weight {
                _ if weight == before => {}
                Some(weight) => {
                    self.done.push(format!("{name}={weight}"));
                    self.kernel.insert(name, weight);
                }
                None => {
                    self.done.push(format!("{name}-"));
                    self.kernel.remove(&name);
                }
            }
        }
    }

    fn perform(&mut self, actions: Vec<Action>) {
        self.done.clear();
        for action in actions {
            match action {
                Action::Destination {
                    service,
                    place,
                    weight,
                } => self.put(service, place, weight),
                Action::Service(service) => {
                    let config = self.lvs.virtual_servers[service].clone();
                    let sorry = config.sorry_server.map(|_| Place::Sorry);
                    let servers = (0..config.real_servers.len()).map(Place::Server);
                    for place in sorry.into_iter().chain(servers) {
                        let weight = self.director.services()[service].wanted(&config, place);
                        self.put(service, place, weight);
                    }
                }
                Action::Keep { .. } => {}
                Action::Drain { service, limit, .. } => {
                    if let Some(limit) = limit {
                        self.done.push(format!("drain in {service} for {limit:?}"));
                    }
                }
                Action::Arm(check, at) => drop(self.due.insert(check.0, at)),
                Action::Disarm(check) => drop(self.due.remove(&check.0)),
                Action::Abandon(check) => self.done.push(format!("abandon {}", check.0)),
                Action::Tell(told) => {
                    self.done.push(told.line().text.trim_end().to_owned());
                    if let Some(program) = told.program(None) {
                        let words = program.command.arguments;
                        self.done
                            .push(String::from_utf8_lossy(&words.join(&b' ')).into_owned());
                    }
                }
                Action::Say(notice) if notice.is_detail() => {}
                Action::Say(notice) => self.done.push(format!("# {notice}")),
            }
        }
    }

    /// The first check of a server that is due in so many seconds ends then.
    fn ends(&mut self, check: u32, passed: bool) -> Vec<String> {
        let due = self.due.remove(&check).expect("it is due");
        self.now = self.now.max(due);
        let page = self.director.due(CheckId(check), due);
        assert!(page.is_some(), "it may begin");
        let verdict = match passed {
            true => Ok(()),
            false => Err(Failure::NoAnswer),
        };
        self.says(check, verdict, None)
    }

    fn says(
        &mut self,
        check: u32,
        verdict: Result<(), Failure>,
        weight: Option<u32>,
    ) -> Vec<String> {
        let mut actions = Vec::new();
        let (now, id) = (self.now, CheckId(check));
        self.director
            .ended(now, &self.lvs, id, verdict, weight, &mut actions);
        self.perform(actions);
        self.done.clone()
    }

    fn kernel(&self) -> String {
        let all = self.kernel.iter();
        let all: Vec<_> = all
            .map(|(name, weight)| format!("{name}={weight}"))
            .collect();
        all.join(" ")
    }

    fn told(&self) -> Vec<&str> {
        let told = self.done.iter().filter(|line| !line.starts_with('#'));
        told.map(String::as_str).collect()
    }
}
