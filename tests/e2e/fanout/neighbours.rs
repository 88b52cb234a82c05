//! Subscribers that misbehave are nobody else's trouble.

use std::time::{Duration, Instant};

use super::*;

#[test]
fn one_gets_all_while_others_hang_drip_and_reset() {
    let well = Subscriber::new("well", Manner::status(200), "");
    let mut hangs = Subscriber::new("hangs", Manner::Silence, "");
    let mut drips = Subscriber::new("drips", Manner::Drip(Duration::from_millis(20)), "");
    for slow in [&mut hangs, &mut drips] {
        slow.keys = "timeout = \"20s\"\nconcurrency = 4\n".to_owned();
    }
    let resets = Subscriber::new("resets", Manner::Reset, "");
    let subscribers = [&well, &hangs, &drips, &resets];
    let (_setup, gateway) = gateway_of(&subscribers);
    // More than are read ahead for one that takes none.
    send(&gateway, 700);
    stands_at(&gateway, "well", "delivered", 700);
    for slow in [&hangs, &drips] {
        assert_eq!(slow.sink.so_far().len(), 4);
        assert_eq!(count(&standing(&gateway, slow.name), "delivered"), 0);
        assert_eq!(count(&standing(&gateway, slow.name), "pending"), 4);
    }
    eventually("one that resets is taken for down", || {
        (standing(&gateway, "resets")["status"] == "down").then_some(())
    });
}

#[test]
fn waiting_for_one_that_hangs_costs_nothing() {
    let mut hangs = Subscriber::new("hangs", Manner::Silence, "");
    hangs.keys = "timeout = \"3s\"\nconcurrency = 2\n".to_owned();
    let (_setup, gateway) = gateway_of(&[&hangs]);
    send(&gateway, 5);
    hangs.gets(2);
    let (began, before) = (Instant::now(), gateway.processor_time());
    let labels = [("subscription", "hangs"), ("outcome", "timeout")];
    eventually("they have timed out", || {
        // Asking costs, too.
        std::thread::park_timeout(Duration::from_millis(200));
        (gateway.metric("gateway_delivery_attempts_total", &labels) >= 2).then_some(())
    });
    let (took, spent) = (began.elapsed(), gateway.processor_time().abs_diff(before));
    assert!(took > Duration::from_secs(2));
    assert!(spent * 4 < took, "{spent:?} of {took:?}");
}

#[test]
fn they_get_all_once_they_mend_their_ways() {
    let well = Subscriber::new("well", Manner::status(200), "");
    let hangs = Subscriber::new("hangs", Manner::Silence, "concurrency = 4\n");
    let drips = Subscriber::new("drips", Manner::Drip(Duration::from_millis(20)), "");
    let resets = Subscriber::new("resets", Manner::Reset, "");
    let closes = Subscriber::new("closes", Manner::Close, "");
    let babbles = Subscriber::new("babbles", Manner::Raw(b"SMTP 220\r\n\r\n".to_vec()), "");
    let subscribers = [&well, &hangs, &drips, &resets, &closes, &babbles];
    let (_setup, gateway) = gateway_of(&subscribers);
    send(&gateway, 40);
    stands_at(&gateway, "well", "delivered", 40);
    for subscriber in subscribers {
        subscriber.gets(1);
        subscriber.sink.behave(Manner::status(200));
    }
    all_delivered(&gateway, &subscribers);
    for subscriber in subscribers {
        assert_eq!(subscriber.ids().len(), 40);
    }
}
