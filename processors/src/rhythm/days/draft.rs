//! A family of features while it is put together.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use zeitgeber_schemas::{Family, FamilyAnalysed, FeatureValue};

use crate::rhythm::{Estimate, local, window::Window};

/// What a family is called and stands on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) family: Family,
    pub(super) signal: &'a str,
    pub(super) algorithm: &'a str,
    pub(super) version: u32,
    pub(super) window: Window,
    pub(super) coverage: f64,
}

#[derive(Debug)]
pub(super) struct Draft(FamilyAnalysed);

impl Draft {
    pub(super) fn new(head: &Head<'_>) -> Self {
        Self(FamilyAnalysed {
            family: head.family,
            signal: head.signal.to_owned(),
            algorithm: head.algorithm.to_owned(),
            version: head.version,
            window_start_ms: local::ms(head.window.start),
            window_end_ms: local::ms(head.window.end),
            coverage: head.coverage.clamp(0.0, 1.0),
            wear: None,
            flags: Vec::new(),
            values: Vec::new(),
            carry: Vec::new(),
        })
    }

    pub(super) const fn wear(&mut self, share: f64) {
        self.0.wear = Some(share);
    }

    pub(super) fn flag(&mut self, stands: bool, why: &str) {
        if stands {
            self.0.flags.push(why.to_owned());
        }
    }

    /// A value, where there is one.
    pub(super) fn put(&mut self, name: &str, unit: &str, value: impl Into<Option<f64>>) {
        self.put_between(name, unit, value.into().map(|value| (value, None)));
    }

    /// An estimate with its 95 % interval.
    pub(super) fn put_estimate(&mut self, name: &str, unit: &str, estimate: &Estimate) {
        self.put_between(name, unit, Some((estimate.value, Some(estimate.ci95))));
    }

    /// A value with an interval.
    pub(super) fn put_between(
        &mut self,
        name: &str,
        unit: &str,
        value: Option<(f64, Option<[f64; 2]>)>,
    ) {
        let Some((value, interval)) = value.filter(|(value, _)| value.is_finite()) else { return };
        let interval = interval.filter(|ends| ends.iter().all(|end| end.is_finite()));
        self.0.values.push(FeatureValue {
            name: String::from(name),
            unit: String::from(unit),
            value,
            low: interval.map(|ends| ends[0]),
            high: interval.map(|ends| ends[1]),
        });
    }

    pub(super) fn carry(&mut self, list: impl Into<Vec<f64>>) {
        self.0.carry = list.into();
    }

    pub(super) fn done(self) -> FamilyAnalysed {
        self.0
    }
}
