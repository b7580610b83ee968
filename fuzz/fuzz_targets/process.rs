//! Any datagram to the decoder of process events, and any `/proc/PID/stat` and command line to the census: nothing may panic, and the
//! numbers are never more than there are processes.
//!
//! Input: a datagram; the same bytes are a stat file, a name and a command line.
#![no_main]

use keepalived::config::model::{ParameterMatch, ProcessMatch};
use keepalived::track::census::{Census, name_in_stat};
use keepalived::wire::process_event::{Event, events};
use libfuzzer_sys::fuzz_target;
use std::collections::HashSet;

fuzz_target!(|data: &[u8]| {
    let mut census = Census::default();
    let any = (0, u32::MAX);
    let name = name_in_stat(data).unwrap_or(data);
    census.watch(1, ProcessMatch::Name(name.to_vec()), any);
    for (id, how) in (2..).zip([
        ParameterMatch::None,
        ParameterMatch::Exact,
        ParameterMatch::Partial,
        ParameterMatch::Initial,
    ]) {
        let mut words = data.split(|byte| *byte == 0).map(<[u8]>::to_vec);
        let program = words.next().unwrap_or_default();
        let parameters = words.collect();
        census.watch(
            id,
            ProcessMatch::Command {
                program,
                parameters,
                how,
            },
            any,
        );
    }
    let mut pids = HashSet::from([1]);
    census.seen(1, name, &[data, &[0]].concat());
    let whole = census.news(true);
    let initial = whole.iter().filter(|(id, _)| (2..=5).contains(id));
    assert!(initial.clone().all(|(_, count)| *count == 1), "{whole:?}");
    for event in events(data) {
        match event {
            Event::Acknowledged(_) => {}
            Event::Forked { parent, child } => {
                pids.extend([parent, child]);
                census.forked(parent, child);
            }
            Event::Changed(pid) => {
                pids.insert(pid);
                census.seen(pid, name, data);
            }
            Event::Ended(pid) => census.ended(pid),
        }
    }
    for (_, count) in census.news(true) {
        assert!(usize::try_from(count).is_ok_and(|count| count <= pids.len()));
    }
    census.retain(&HashSet::new());
    assert!(census.news(true).iter().all(|(_, count)| *count == 0));
});
