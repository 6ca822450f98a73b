//! Events of validation, and inputs that no door could read.

use alloc::string::String;

use crate::wire::{Bytes, Malformed, Wire, get_long, put_long, record, symbols};

symbols! {
    /// Why an input was refused.
    Reason {
        /// Not one JSON object: NaN, cut and blank lines included.
        NotJson = "not_json",
        /// A required field is missing.
        MissingField = "missing_field",
        /// A field has another type than the schema's.
        WrongType = "wrong_type",
        /// The kind is none of `imu`, `hrv`, `environment`.
        UnknownKind = "unknown_kind",
        /// The person has no profile.
        UnknownUser = "unknown_user",
        /// Measured more than 5 minutes after it arrived, or arrived ahead of the door's clock.
        ClockAhead = "clock_ahead",
        /// Arrived more than 48 hours after it was measured.
        TooLate = "too_late",
        /// A movement value outside its range.
        OutOfRange = "out_of_range",
        /// More items than allowed, or a line longer than allowed.
        Oversized = "oversized",
        /// No interval at all.
        Empty = "empty",
        /// Fewer than half of the intervals are within 300 to 2,000 ms.
        TooFewValid = "too_few_valid",
        /// The same (person, id) as a reading accepted before, with other content.
        Duplicate = "duplicate",
        /// Feedback on a decision that is not known (any more).
        Orphan = "orphan",
        /// Avro bytes that do not follow their schema.
        NotAvro = "not_avro",
        /// The pool is not known: nobody configured it and no agent registered with it.
        UnknownPool = "unknown_pool",
        /// The agent is not known in the pool.
        UnknownAgent = "unknown_agent",
        /// The task is not known (any more) in the pool.
        UnknownTask = "unknown_task",
        /// The lease is not in force (any more): the task was given to another or ended.
        StaleLease = "stale_lease",
        /// The task id was used for another content, or the state stands against it.
        Conflict = "conflict",
        /// A bound of the pool is reached.
        Full = "full",
    }
}

/// A set of environment fields, one bit each in the order of [`FieldSet::NAMES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct FieldSet(pub u8);

impl FieldSet {
    /// Photopic illuminance.
    pub const LUX: Self = Self(1);
    /// Melanopic illuminance.
    pub const MEDI_LUX: Self = Self(2);
    /// Temperature.
    pub const TEMP_C: Self = Self(4);
    /// Sound level.
    pub const NOISE_DB: Self = Self(8);
    /// The names, lowest bit first.
    pub const NAMES: [&'static str; 4] = ["lux", "medi_lux", "temp_c", "noise_db"];

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every field of `other` is in the set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names in the set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().enumerate().filter(move |(i, _)| self.0 >> i & 1 == 1).map(|n| n.1)
    }
}

/// A set of remarks on an accepted reading, one bit each in the order of [`FlagSet::NAMES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct FlagSet(pub u8);

impl FlagSet {
    /// Temperature (and light) unchanged for 12 readings in a row.
    pub const STUCK: Self = Self(1);
    /// The producer sent value fields that no schema version knows.
    pub const UNKNOWN_FIELDS: Self = Self(2);
    /// The names, lowest bit first.
    pub const NAMES: [&'static str; 2] = ["stuck", "unknown_fields"];

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The names in the set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().enumerate().filter(move |(i, _)| self.0 >> i & 1 == 1).map(|n| n.1)
    }
}

macro_rules! bit_set_wire {
    ($($set:ty),*) => {$(
        impl Wire for $set {
            fn put(&self, out: &mut alloc::vec::Vec<u8>) {
                put_long(i64::from(self.0), out);
            }
            fn get(from: &mut &[u8]) -> Result<Self, Malformed> {
                u8::try_from(get_long(from)?).map(Self).map_err(|_| Malformed::Range)
            }
        }
    )*};
}
bit_set_wire!(FieldSet, FlagSet);

record! {
    /// A reading counts. It repeats its input and therefore refers to it: the values are the
    /// input's, less the fields and intervals named here.
    ReadingAccepted {
        /// Environment fields left out: out of range or not a number.
        dropped_fields: FieldSet,
        /// RR intervals left out: outside 300 to 2,000 ms.
        dropped_intervals: u32,
        /// Remarks.
        flags: FlagSet,
    }
}

record! {
    /// An input was refused. Its bytes stand with the input.
    DeadLettered {
        /// Why.
        reason: Reason,
        /// What exactly, in words: the field, the value, the bound.
        detail: String,
    }
}

record! {
    /// A person was met for the first time in this partition and got the next subject number.
    SubjectOpened {
        /// The person within the tenant.
        user_id: String,
    }
}

record! {
    /// An input that a door could not read, with the door's reason.
    Unreadable {
        /// Why.
        reason: Reason,
        /// What exactly, in words.
        detail: String,
        /// The input's kind where it could be read.
        kind: Option<String>,
        /// The key it was partitioned by: the person's where it could be read, else its raw bytes.
        key: Bytes,
    }
}
