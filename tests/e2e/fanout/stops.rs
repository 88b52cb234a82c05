//! SIGTERM with attempts under way: they end, or are made again.

use std::time::Duration;

use super::*;

#[test]
fn attempts_under_way_end_before_it_does() {
    let late = Manner::Late(Duration::from_millis(400), 200);
    let mut billing = Subscriber::new("billing", late, "");
    billing.keys = "concurrency = 4\n".to_owned();
    let (setup, gateway) = gateway_of(&[&billing]);
    send(&gateway, 10);
    billing.gets(4);
    assert!(gateway.stop().success());
    billing.sink.behave(Manner::status(200));
    let gateway = setup.start();
    all_delivered(&gateway, &[&billing]);
    assert_eq!(billing.sink.so_far().len(), 10, "none twice");
}

#[test]
fn attempts_that_do_not_end_are_made_again() {
    let mut billing = Subscriber::new("billing", Manner::Silence, "");
    billing.keys = "timeout = \"3s\"\nretries = [\"100ms\"]\nconcurrency = 4\n".to_owned();
    let setup = Setup::new().variable("GATEWAY_SHUTDOWN__GRACE", "1s");
    configure(&setup, &[&billing]);
    let gateway = setup.start();
    send(&gateway, 10);
    billing.gets(4);
    assert!(gateway.stop().success());
    assert_eq!(billing.sink.so_far().len(), 4);
    assert!(setup.logs().contains("still under way"), "{}", setup.logs());
    billing.sink.behave(Manner::status(200));
    let gateway = setup.start();
    all_delivered(&gateway, &[&billing]);
    let by_id = billing.by_id();
    assert_eq!(by_id.len(), 10);
    let twice = by_id.values().filter(|all| all.len() == 2).count();
    assert_eq!((twice, billing.sink.so_far().len()), (4, 14));
}
