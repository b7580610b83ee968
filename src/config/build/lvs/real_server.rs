//! `real_server`: its head and its statements, as they stand.

use super::checker::{self, CheckerDraft};
use super::overlay::Overlay;
use super::request;
use super::virtual_server::command;
use super::{Context, Tracked, endpoint_help, endpoint_text, forwarding, head_address, port};
use crate::config::keywords::Block;
use crate::config::model::{Forwarding, RealServerExtra};
use crate::config::read::Item;
use std::net::IpAddr;
use std::rc::Rc;

/// A real server as it was written.
pub(super) struct RealServerDraft<'t> {
    pub item: Item<'t>,
    pub address: IpAddr,
    pub port: Option<u16>,
    pub times: Overlay,
    pub weight: Option<u32>,
    pub forwarding: Option<Forwarding>,
    pub upper_threshold: u32,
    pub lower_threshold: u32,
    pub inhibit_on_failure: Option<bool>,
    pub alpha: Option<bool>,
    pub smtp_alert: Option<bool>,
    pub virtual_host: Option<Rc<str>>,
    pub extra: Option<Box<RealServerExtra>>,
    pub checkers: Vec<CheckerDraft<'t>>,
}

impl<'t> RealServerDraft<'t> {
    /// Whether packets reach it through a tunnel, which may be of another family.
    pub(super) fn tunnelled(&self, service: Option<Forwarding>) -> bool {
        matches!(self.forwarding.or(service), Some(Forwarding::Tunnel(..)))
    }

    fn extra(&mut self) -> &mut RealServerExtra {
        self.extra.get_or_insert_default()
    }
    fn take(&mut self, tracked: &Tracked, context: &mut Context<'_>, item: &Item<'t>) {
        if self.times.take(context, item) {
            return;
        }
        match item.name() {
            "weight" => self.weight = item.u32(context).or(self.weight),
            "lvs_method" => {
                self.forwarding = forwarding::read(context, item, "real").or(self.forwarding);
            }
            "uthreshold" => {
                self.upper_threshold = item.u32(context).unwrap_or(self.upper_threshold)
            }
            "lthreshold" => {
                self.lower_threshold = item.u32(context).unwrap_or(self.lower_threshold)
            }
            "inhibit_on_failure" => {
                self.inhibit_on_failure = item.bool(context).or(self.inhibit_on_failure)
            }
            "drain_timeout" => {
                if let Some(time) = item.duration(context) {
                    self.extra().drain_timeout = Some(time);
                }
            }
            "notify_up" => self.extra().notify_up = command(context, item),
            "notify_down" => self.extra().notify_down = command(context, item),
            "alpha" => self.alpha = item.bool(context).or(self.alpha),
            "smtp_alert" => self.smtp_alert = item.bool(context).or(self.smtp_alert),
            "virtualhost" => self.virtual_host = request::host(context, item),
            "snmp_name" => self.extra().snmp_name = item.text(context).map(Box::from),
            _ => checker::read(tracked, context, self, item),
        }
    }
}

/// Reads a real server; None when its head says none, which is said.
pub(super) fn read<'t>(
    tracked: &Tracked,
    context: &mut Context<'_>,
    item: &Item<'t>,
) -> Option<RealServerDraft<'t>> {
    let head = item.required(context)?;
    let (Some(address), Ok(port)) = (head_address(head), port(item.argument(1))) else {
        let message = format!(
            "Invalid real server ip address/port {} - skipping",
            endpoint_text(item)
        );
        context.fault(item.span(), message, endpoint_help(item));
        return None;
    };
    let children = item.open(context)?;
    let mut draft = RealServerDraft {
        item: *item,
        address,
        port,
        times: Overlay::default(),
        weight: None,
        forwarding: None,
        upper_threshold: 0,
        lower_threshold: 0,
        inhibit_on_failure: None,
        alpha: None,
        smtp_alert: None,
        virtual_host: None,
        extra: None,
        checkers: Vec::new(),
    };
    context.each_statement(Block::RealServer, children, |context, item| {
        draft.take(tracked, context, &item);
    });
    Some(draft)
}
