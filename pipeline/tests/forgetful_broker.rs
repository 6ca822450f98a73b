//! A producer whose broker restarts, and for a moment knows of no brokers, goes on.

#![expect(clippy::unwrap_used, reason = "a test may end where it stands")]

#[path = "forgetful_broker/broker.rs"]
mod broker;
#[path = "forgetful_broker/wire.rs"]
mod wire;

use std::{sync::mpsc::channel, thread::spawn, time::Duration};

use broker::Broker;
use zeitgeber::{
    bus::kafka::{Feeder, Input},
    config::Config,
};

const LINE: &[u8] = b"no reading, which the door behind the topic says";
const WITHIN: Duration = Duration::from_secs(30);

#[test]
fn what_is_sent_while_a_broker_knows_no_brokers_arrives_once_it_does() {
    let broker = Broker::start();
    let brokers = format!("kafka.brokers={}", broker.address());
    let config = Config::layered(None, [], &[brokers]).unwrap();
    let mut feeder = Feeder::new(&config.kafka).unwrap();
    feeder.line(Input::Readings, LINE).unwrap();
    assert_eq!(feeder.finish().unwrap(), 1);
    assert_eq!(broker.produced(), 1);

    broker.restart();
    feeder.line(Input::Readings, LINE).unwrap();
    let (told, hears) = channel();
    spawn(move || told.send(feeder.finish().unwrap()));
    assert_eq!(hears.recv_timeout(WITHIN), Ok(2), "the broker never heard of it again");
    assert!(broker.has_told_of_none(), "it was told that there are none");
    assert_eq!(broker.produced(), 2);
}
