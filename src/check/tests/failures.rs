//! Failures that do not count yet: said where that is asked for.

use super::{Play, server, whole};

#[test]
fn each_try_is_said_where_that_is_asked_for() {
    let rows = [
        ("", "", false),
        ("", "log_all_failures\n", true),
        ("checker_log_all_failures\n", "", true),
        (
            "checker_log_all_failures\n",
            "log_all_failures off\n",
            false,
        ),
    ];
    for (global, own, said) in rows {
        let check = format!("TCP_CHECK {{\n{own}}}\n");
        let text = whole("", &server(1, &check));
        let mut play = Play::new(&format!("global_defs {{\n{global}}}\n{text}"));
        play.ends(0, true);
        for count in 1..=2 {
            let line = format!(
                "# TCP_CHECK on service [10.0.0.1]:tcp:80 failed, try {count}. (no answer in time)"
            );
            let wanted: &[String] = if said { &[line] } else { &[] };
            assert_eq!(play.ends(0, false), wanted, "{global}{own}");
        }
        // The one that counts is said in any case.
        let last = &play.ends(0, false)[0];
        assert!(last.contains("failed after 2 retries."), "{last}");
    }
}
