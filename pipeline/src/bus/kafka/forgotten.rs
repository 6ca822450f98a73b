//! Brokers that a client forgot.
//!
//! A broker that has just started may answer for a moment that its cluster has topics and no brokers.
//! librdkafka, since 2.10, then drops all that it knows, the configured ones included, and asks nobody
//! any more (its issue 5301): whatever the client does waits for ever. Its statistics show that it has
//! none left, and it takes the configured ones again when it is told them once more.

use std::ffi::CString;

use rdkafka::{Statistics, bindings::rd_kafka_brokers_add, client::Client};

use super::context::Context;

/// Whether a client has no broker left that it could ask.
pub(super) fn has_none(statistics: &Statistics) -> bool {
    let could_be_asked = |source: &str| matches!(source, "configured" | "learned");
    !statistics.brokers.values().any(|broker| could_be_asked(&broker.source))
}

/// Tells a client the configured brokers again where its last statistics had none.
pub(super) fn look_after<C: rdkafka::ClientContext>(
    client: &Client<C>,
    context: &Context,
    brokers: &str,
) {
    if context.takes_forgotten() {
        tracing::warn!(brokers, "a Kafka client forgot its brokers; it is told them again");
        tell_again(client, brokers);
    }
}

/// Tells a client the configured brokers once more. Those that it knows stay as they are.
#[expect(unsafe_code, reason = "librdkafka has this call, its crate no name for it")]
pub(crate) fn tell_again<C: rdkafka::ClientContext>(client: &Client<C>, brokers: &str) {
    let Ok(list) = CString::new(brokers) else { return };
    // SAFETY: the handle lives as long as the client that is borrowed here, and the list, which is
    // copied, until the call is over.
    let _ = unsafe { rd_kafka_brokers_add(client.native_ptr(), list.as_ptr()) };
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rdkafka::{
        ClientConfig,
        consumer::{BaseConsumer, Consumer},
        mocking::MockCluster,
    };

    use super::*;

    #[test]
    fn a_client_that_knows_nobody_asks_those_that_it_is_told() {
        let cluster = MockCluster::new(1).expect("it starts");
        let mut config = ClientConfig::new();
        // A port that nobody listens at.
        config.set("bootstrap.servers", "127.0.0.1:9").set("group.id", "nobody");
        let client: BaseConsumer = config.create().expect("the settings are sound");
        let ask = |time| client.client().fetch_metadata(None, time);
        assert!(ask(Duration::from_millis(300)).is_err(), "nobody answers");
        tell_again(client.client(), &cluster.bootstrap_servers());
        let told = ask(Duration::from_secs(20)).expect("it asks the other");
        assert_eq!(told.brokers().len(), 1);
    }

    #[test]
    fn a_client_without_configured_and_learned_brokers_has_none() {
        let broker = |source: &str| {
            let broker =
                rdkafka::statistics::Broker { source: source.into(), ..Default::default() };
            (source.to_owned(), broker)
        };
        let of = |sources: &[&str]| Statistics {
            brokers: sources.iter().map(|source| broker(source)).collect(),
            ..Statistics::default()
        };
        assert!(has_none(&of(&["internal", "logical"])));
        assert!(!has_none(&of(&["internal", "configured"])));
        assert!(!has_none(&of(&["logical", "learned"])));
    }
}
