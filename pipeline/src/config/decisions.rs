//! How it is decided what reaches a person: its settings, and where they must fit together.

use serde::{Deserialize, Serialize};
use toml::{Table, Value};
use zeitgeber_schemas::{
    Arm, ConfigurationBody, Daypart, FeedbackPolicy, ForgettingKind, LearnerModel, Missing, Policy,
    PolicyRule, Rollout, RuleKind,
};

use super::{
    ConfigError, Setting,
    keys::{Refused, Rule, nearest},
};

/// Most arms: each costs every person a few kilobytes of state and every decision a fit.
pub(super) const ARMS_MAX: usize = 64;
/// The arm that is always eligible.
pub(super) const NO_INTERVENTION: &str = "no_intervention";
/// Most buckets that an arm's sums are kept in: all are added up where one of them learns.
const BUCKETS_MAX: u32 = 256;
/// Half-lives that are kept.
const HALF_LIVES: u32 = 8;

/// Names of rules.
pub(super) const RULES: &[&str] = &[
    RuleKind::Linucb.as_str(),
    RuleKind::Greedy.as_str(),
    RuleKind::Thompson.as_str(),
    RuleKind::Fixed.as_str(),
    RuleKind::RoundRobin.as_str(),
];

/// Names of ways to forget.
pub(super) const FORGETTING: &[&str] = &[
    ForgettingKind::None.as_str(),
    ForgettingKind::Discount.as_str(),
    ForgettingKind::Window.as_str(),
];

const DAYPARTS: &[&str] =
    &[Daypart::Any.as_str(), Daypart::AfterWake.as_str(), Daypart::BeforeSleep.as_str()];

fn arm_keys() -> [(&'static str, Rule, Absent); 9] {
    let integer = |value| Absent::Default(Value::Integer(value));
    let any = Absent::Default(Value::String(Daypart::Any.as_str().into()));
    [
        ("name", Rule::Name, Absent::Error),
        ("message", Rule::Text, Absent::Error),
        ("daypart", Rule::OneOf(DAYPARTS), any),
        ("from_min", Rule::Integer(0, 1_440), integer(0)),
        ("to_min", Rule::Integer(0, 1_440), integer(1_440)),
        ("min_kss", Rule::Float(1.0, 9.0), Absent::Nothing),
        ("dose_cap", Rule::Integer(0, 100), integer(1)),
        ("valid_for_min", Rule::Integer(1, 1_440), integer(60)),
        ("suspended", Rule::Flag, Absent::Default(Value::Boolean(false))),
    ]
}

/// How it is decided what reaches a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decisions {
    /// Name of this version, for people.
    pub version: String,
    /// How scores and draws are made.
    pub policy: Policy,
    /// Which arm is preferred.
    pub rule: PolicyRule,
    /// What the learner makes of outcomes.
    pub model: LearnerModel,
    /// What may reach a person, and how often.
    pub limits: zeitgeber_schemas::Limits,
    /// How outcomes are taken in.
    pub feedback: Feedback,
    /// The arms, in registration order.
    pub arms: Vec<Arm>,
}

/// How outcomes are taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feedback {
    /// How long a decision waits for its outcome, h.
    pub window_h: u32,
    /// What becomes of it afterwards.
    pub missing: Missing,
}

impl Decisions {
    /// The decisions as the input that the journal holds.
    pub fn configuration(&self) -> ConfigurationBody {
        const HOUR_MS: i64 = 3_600_000;
        let Self { version, policy, rule, model, limits, feedback, arms } = self.clone();
        ConfigurationBody {
            version,
            policy,
            limits,
            feedback: FeedbackPolicy {
                window_ms: i64::from(feedback.window_h) * HOUR_MS,
                missing: feedback.missing,
            },
            arms,
            rule,
            model,
            rollout: Rollout::active(),
        }
    }

    /// Whether what is good by itself is so together.
    pub(super) fn fit(&self, settings: &[Setting]) -> Result<(), ConfigError> {
        let refused = |key: &str, wanted: String, found: String| {
            let setting = settings.iter().find(|setting| setting.key == key);
            let origin = setting.map_or(super::Origin::Default, |setting| setting.origin.clone());
            ConfigError::Value { key: key.into(), origin, wanted, found }
        };
        let LearnerModel { forgetting, bucket_h, half_life_h, window_h, .. } = self.model;
        let kept_h = match forgetting {
            ForgettingKind::None => 0,
            ForgettingKind::Discount => half_life_h.saturating_mul(HALF_LIVES),
            ForgettingKind::Window => window_h,
        };
        let least = kept_h.div_ceil(BUCKETS_MAX);
        if bucket_h < least {
            let wanted = format!("at least {least} where {kept_h} hours are kept");
            return Err(refused("decisions.model.bucket_h", wanted, bucket_h.to_string()));
        }
        let is_arm = |name: &&String| self.arms.iter().any(|arm| arm.name == **name);
        match self.rule.order.iter().find(|name| !is_arm(name)) {
            Some(name) => {
                let wanted = "names of arms that there are".into();
                Err(refused("decisions.rule.order", wanted, format!("{name:?}")))
            }
            None => Ok(()),
        }
    }
}

/// What an arm has for a key that is not given.
enum Absent {
    Error,
    Nothing,
    Default(Value),
}

/// The nearest key of an arm, for a refused part of the list.
pub(super) fn nearest_key(part: &str) -> Option<String> {
    let (item, name) = part.rsplit_once('.')?;
    let keys = arm_keys();
    let near = nearest(name, keys.iter().map(|(known, ..)| *known))?;
    Some(format!("decisions.arms{item}.{near}"))
}

/// Checks a list of arms and brings it into its one form.
pub(super) fn arms(items: &[Value]) -> Result<Vec<Value>, Refused> {
    let arms = items.iter().enumerate().map(|(i, item)| arm(i, item));
    let arms = arms.collect::<Result<Vec<_>, _>>()?;
    let mut names: Vec<_> = arms.iter().filter_map(|arm| arm.get("name")?.as_str()).collect();
    let count = names.len();
    let found = if !names.contains(&NO_INTERVENTION) {
        format!("a list without `{NO_INTERVENTION}`")
    } else {
        names.sort_unstable();
        names.dedup();
        if names.len() < count {
            "a list with a name that stands twice".into()
        } else if count > ARMS_MAX {
            format!("a list of {count}")
        } else {
            return Ok(arms);
        }
    };
    Err(Refused { part: String::new(), wanted: Some(Rule::Arms.to_string()), found })
}

fn arm(number: usize, item: &Value) -> Result<Value, Refused> {
    let refused = |key: &str, wanted: Option<String>, found: &str| Refused {
        part: format!("[{number}]{key}"),
        wanted,
        found: found.into(),
    };
    let table = item.as_table().ok_or_else(|| refused("", Some("a table".into()), "none"))?;
    let mut rest = table.clone();
    let mut arm = Table::new();
    for (key, rule, absent) in arm_keys() {
        let value = match (rest.remove(key), absent) {
            (Some(value), _) => rule
                .check(value)
                .map_err(|fault| Refused { part: format!("[{number}].{key}"), ..fault })?,
            (None, Absent::Default(value)) => value,
            (None, Absent::Nothing) => continue,
            (None, Absent::Error) => {
                return Err(refused(&format!(".{key}"), Some(rule.to_string()), "missing"));
            }
        };
        arm.insert(key.into(), value);
    }
    if let Some(key) = rest.keys().next() {
        return Err(refused(&format!(".{key}"), None, ""));
    }
    let minute = |key: &str| arm.get(key).and_then(Value::as_integer);
    if minute("from_min") >= minute("to_min") {
        let wanted = "after from_min".into();
        return Err(refused(".to_min", Some(wanted), "not"));
    }
    Ok(Value::Table(arm))
}
