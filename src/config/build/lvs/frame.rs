//! What the servers of a service have to fit into: which port each has under its forwarding method, the sorry server included. Whether
//! they can be servers of it at all is `settle`'s.

use super::Context;
use super::group::Known;
use super::real_server::RealServerDraft;
use super::virtual_server::SorryDraft;
use crate::config::model::{EndpointName, Forwarding, Protocol, RealServer, Service, SorryServer};
use std::net::IpAddr;

/// What is settled of the service when its servers are looked at.
pub(super) struct Frame<'s> {
    pub service: &'s Service,
    pub protocol: Option<Protocol>,
    pub group: Option<Known>,
    pub forwarding: Forwarding,
}

/// The port of a service, as far as it has one.
#[derive(Clone, Copy)]
enum ServicePort {
    /// The one of its address.
    Own(Option<u16>),
    /// The one that all addresses of its group have.
    OfGroup(IpAddr, Option<u16>),
    /// Packets are picked by their mark.
    Mark,
}

impl Frame<'_> {
    fn service_port(&self) -> ServicePort {
        match (
            self.service,
            self.group
                .and_then(|known| known.first.filter(|_| !known.marks)),
        ) {
            (Service::Address(_, port), _) => ServicePort::Own(*port),
            (Service::Group(_), Some((address, port))) => ServicePort::OfGroup(address, port),
            _ => ServicePort::Mark,
        }
    }

    /// The port of a real server: DR and TUN leave ports as they are, so that another port than the service's cannot be meant.
    pub fn port(
        &self,
        context: &mut Context<'_>,
        draft: &RealServerDraft<'_>,
        name: &str,
    ) -> Option<u16> {
        let forwarding = draft.forwarding.unwrap_or(self.forwarding);
        let port = match (self.service_port(), forwarding) {
            (ServicePort::Own(own), Forwarding::Nat) => return draft.port.or(own),
            (_, Forwarding::Nat) => return draft.port,
            (ServicePort::Own(own), _) => own,
            (ServicePort::OfGroup(_, port), _) => port,
            (ServicePort::Mark, _) => None,
        };
        if draft.port.is_none() || draft.port == port {
            return port;
        }
        let server = EndpointName(draft.address, self.protocol, draft.port);
        let (message, kept) = match (self.service_port(), self.group) {
            (ServicePort::Own(_), _) => (
                format!(
                    "WARNING - virtual server {name} and real server {server} ports don't match - resetting"
                ),
                port,
            ),
            (ServicePort::OfGroup(address, port), _) => {
                let port = port.unwrap_or(0);
                (
                    format!(
                        "virtual server {name}:[{address},{port}] and real server {server} ports don't match"
                    ),
                    draft.port,
                )
            }
            (ServicePort::Mark, None) => (
                format!(
                    "WARNING - fwmark virtual server {name}, real server {server} has port specified - clearing"
                ),
                None,
            ),
            (ServicePort::Mark, Some(_)) => (
                format!(
                    "WARNING - fwmark virtual server {name}, real server {server} has port specified - port will be ignored"
                ),
                None,
            ),
        };
        let help =
            "with DR and TUN packets keep the port they came to: leave the port out, or use NAT";
        context.fault(draft.item.span(), message, help);
        kept
    }

    /// The port that the kernel knows a server by (`Forwarding::kernel_port`): of two that have the same the second is told of. Where the
    /// addresses of a group have several ports, the first stands for all.
    pub fn kernel_port(&self, forwarding: Forwarding, port: Option<u16>) -> Option<u16> {
        let service = match self.service_port() {
            ServicePort::Own(own) | ServicePort::OfGroup(_, own) => own,
            ServicePort::Mark => None,
        };
        forwarding.kernel_port(service, port)
    }

    /// The sorry server, under the same rule; one that is a real server, too, is inhibited as that is.
    pub fn sorry_server(
        &self,
        context: &mut Context<'_>,
        sorry: SorryDraft,
        real_servers: &[RealServer],
        name: &str,
    ) -> SorryServer {
        let forwarding = sorry.forwarding.unwrap_or(self.forwarding);
        let (message, port) = match (self.service_port(), forwarding, self.group) {
            (ServicePort::Own(own), Forwarding::Nat, _) => (None, sorry.port.or(own)),
            (_, Forwarding::Nat, _) => (None, sorry.port),
            (ServicePort::Own(own), _, _) => (
                Some(format!(
                    "WARNING - virtual server {name} and sorry server ports don't match - resetting"
                )),
                own,
            ),
            (ServicePort::OfGroup(_, port), ..) => (
                Some(format!(
                    "WARNING - virtual server {name}, sorry server has port specified - port will be ignored"
                )),
                port,
            ),
            (ServicePort::Mark, _, Some(_)) => (
                Some(format!(
                    "WARNING - fwmark virtual server {name}, sorry server has port specified - port will be ignored"
                )),
                None,
            ),
            (ServicePort::Mark, _, None) => (
                Some(format!(
                    "WARNING - virtual server {name}, sorry server has port specified - clearing"
                )),
                None,
            ),
        };
        if let Some(message) = message.filter(|_| sorry.port.is_some() && sorry.port != port) {
            context.fault(
                sorry.span,
                message,
                "with DR and TUN packets keep the port they came to: leave the port out",
            );
        }
        let mut settled = SorryServer {
            address: sorry.address,
            port,
            forwarding,
            inhibit_on_failure: sorry.inhibit_on_failure,
        };
        let place = self.kernel_port(forwarding, port);
        let twin = real_servers.iter().find(|server| {
            server.address == settled.address
                && self.kernel_port(server.forwarding, server.port) == place
        });
        if let Some(twin) =
            twin.filter(|twin| twin.inhibit_on_failure != settled.inhibit_on_failure)
        {
            let server = EndpointName(twin.address, self.protocol, twin.port);
            let what = if twin.inhibit_on_failure {
                "setting"
            } else {
                "clearing"
            };
            let message = format!(
                "Virtual server {name}: real server {server} matches sorry server, but inhibit setting differs, {what} on sorry server"
            );
            context.fault(
                sorry.span,
                message,
                "give both the same setting: it is one server",
            );
            settled.inhibit_on_failure = twin.inhibit_on_failure;
        }
        settled
    }
}
