//! What is mailed of servers and services.

use super::super::notice::{Kind, Names, Subject, Told, Why};
use crate::config::model::Alerts;

#[test]
fn mails_of_servers_and_services() {
    let names = || Names {
        server: "[10.0.0.2]:tcp:80".into(),
        service: "[10.0.0.1]:tcp:80".into(),
    };
    let tcp = Kind {
        keyword: "TCP_CHECK",
        mail: "TCP CHECK",
    };
    let told = |subject, up, why, alert| Told {
        subject,
        up,
        why: Some(why),
        command: None,
        alert,
    };
    let (server, service) = (Subject::Server(names()), Subject::Service(names().service));
    let mail = told(server.clone(), true, Why::Passes(tcp), None).mail(Alerts::default());
    let mail = mail.expect("usual for servers");
    assert_eq!(
        (mail.subject.as_str(), mail.body.as_str()),
        (
            "Realserver [10.0.0.2]:tcp:80 of virtual server [10.0.0.1]:tcp:80 - UP",
            "=> TCP CHECK succeed on service <="
        )
    );
    let lost = told(service.clone(), false, Why::Lost(2, 1, 0), Some(true));
    let mail = lost.mail(Alerts::default()).expect("asked for");
    assert_eq!(
        (mail.subject.as_str(), mail.body.as_str()),
        (
            "Virtualserver [10.0.0.1]:tcp:80 - DOWN",
            "=> Lost quorum 2-1=1 > 0 <="
        )
    );
    for (subject, alert) in [(service, None), (server, Some(false))] {
        let told = told(subject, false, Why::ShuttingDown, alert);
        assert_eq!(told.mail(Alerts::default()), None);
    }
    let unasked = Told {
        why: None,
        ..told(Subject::Server(names()), true, Why::Removing, Some(true))
    };
    assert_eq!(unasked.mail(Alerts::default()), None, "that it begins");
}
