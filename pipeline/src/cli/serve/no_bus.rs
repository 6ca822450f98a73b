//! A service of a program that was built without `cluster`: there is no Kafka.

use std::sync::Arc;

use zeitgeber::{config::Config, engine::Engine, http::Onward};

use super::{super::Failure, Roles};

/// No bus.
pub(super) struct Bus;

impl Bus {
    pub(super) fn prepare(config: &Config) -> Result<Self, Failure> {
        if config.kafka.is_set() {
            return Err("this program was built without `cluster` and has no Kafka".into());
        }
        Ok(Self)
    }

    pub(super) const fn is_there(&self) -> bool {
        false
    }

    pub(super) const fn listener(&self) {}

    pub(super) fn start(&mut self, _: &Engine) -> Result<(), Failure> {
        Ok(())
    }

    pub(super) fn join(
        &mut self,
        _: &Engine,
        _: &Config,
        _: Roles,
    ) -> Result<Option<Arc<dyn Onward>>, Failure> {
        Ok(None)
    }

    pub(super) const fn watch(&self) {}

    pub(super) const fn stop_inputs(&mut self) {}

    pub(super) const fn stop(self) {}
}
