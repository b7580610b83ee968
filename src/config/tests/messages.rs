//! What is said, where, and what is kept secret.

use super::*;

#[test]
fn what_is_not_implemented_is_said_once_a_keyword() {
    let service = |id: u8| {
        format!(
            "virtual_server 10.0.0.{id} 80 {{\n protocol TCP\n lb_algo wlc\n lb_kind NAT\n snmp_name s{id}\n real_server 10.0.1.1 80 {{\n }}\n}}\n"
        )
    };
    let loaded = read(format!(
        "global_defs {{\n enable_snmp_checker\n}}\n{}{}{}",
        service(1),
        service(2),
        service(3)
    ));
    let said: Vec<&str> = loaded
        .diagnostics
        .iter()
        .filter(|d| d.class == Class::Unimplemented)
        .map(|d| d.message.as_str())
        .collect();
    assert_eq!(
        said,
        [
            "enable_snmp_checker is not implemented yet; it has no effect",
            "snmp_name is not implemented yet; it has no effect (3 places)"
        ]
    );
    assert_eq!(loaded.diagnostics.exit_status(), status::CLEAN);
}

#[test]
fn every_missing_argument_is_reported() {
    let loaded = with("priority\nadvert_int\ndebug");
    assert_eq!(
        loaded
            .diagnostics
            .iter()
            .filter(|d| d.class == Class::MissingArgument)
            .count(),
        3
    );
    assert!(loaded.refused());
}

#[test]
fn messages_have_a_place_and_secrets_stay_secret() {
    let loaded = with("authentication {\n auth_type PASS\n auth_pass verysecret\n}\npriority abc");
    for diagnostic in loaded.diagnostics.iter() {
        assert!(
            !diagnostic.message.contains("verysec"),
            "{}",
            diagnostic.message
        );
        assert!(diagnostic.span.is_some(), "{}", diagnostic.message);
    }
    let wrong = loaded
        .diagnostics
        .iter()
        .find(|d| d.message.contains("invalid number 'abc'"))
        .and_then(|d| d.span)
        .expect("a place");
    assert_eq!((wrong.line, wrong.column, wrong.length), (12, 10, 3));
    assert!(!format!("{:?}", loaded.model).contains("verysec"));
}

#[test]
fn a_missing_argument_is_said_with_what_to_write() {
    let loaded = with("priority\nauthentication {\n auth_type\n}");
    assert_eq!(loaded.diagnostics.exit_status(), status::MISSING_ARGUMENT);
    assert!(said(&loaded, "priority needs a value"));
    assert!(said(&loaded, "auth_type needs a value"));
}
