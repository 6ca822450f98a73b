//! Laws of raw acceleration, of a day's light and of circadian phase, without recordings.

mod acceleration;
mod light;
mod phase;

use serde::{Serialize, de::DeserializeOwned};

/// A small generator, so that a case is a seed.
struct Noise(u64);

impl Noise {
    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// From -1 to 1.
    fn signed(&mut self) -> f64 {
        2.0 * self.share() - 1.0
    }
}

/// The machine as a snapshot keeps it.
fn restored<T: Serialize + DeserializeOwned>(machine: &T) -> T {
    let text = serde_json::to_string(machine).expect("it can be written");
    serde_json::from_str(&text).expect("it can be read")
}
