//! What estimators make of a log: expected values, intervals and diagnostics of one policy.

use serde_json::Value;

/// A log with its cross-fitted reward model; one item for each row.
pub(crate) struct Log {
    /// The arm chosen.
    pub(crate) action: Vec<usize>,
    /// Its logged propensity.
    pub(crate) pscores: Vec<f64>,
    /// What was earned.
    pub(crate) rewards: Vec<f64>,
    /// Every arm's predicted reward.
    pub(crate) q: Vec<Vec<f64>>,
}

/// Compares every estimate and diagnostic of a policy, which gives each row a distribution.
pub(crate) fn compare(log: &Log, policy: &[Vec<f64>], wanted: &Value) -> Result<(), String> {
    let Log { action, pscores, rewards, q } = log;
    let rows = [action.len(), pscores.len(), rewards.len(), q.len(), policy.len()];
    let keys = wanted.as_object().map(|wanted| wanted.keys().cloned().collect::<Vec<_>>());
    Err(format!("{keys:?} of {rows:?} rows: nobody computes them"))
}
