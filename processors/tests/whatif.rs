//! What if, without a log: a partition lived through by the live stages, then replayed.

use zeitgeber_processors::{
    evaluation::{Answer, Settings, Verdict},
    routing::{self, Context, Person, Shared, rng},
    whatif::{Cause, Flips, Replay, Rows, RowsFault, evaluate},
};
use zeitgeber_schemas::{
    Arm, Composite, ConfigurationBody, Daypart, DecisionMade, Event, FeedbackPolicy,
    FeedbackRecorded, FeedbackStatus, InterventionIssued, Limits, MaskReason, Missing, PartitionId,
    Policy, ProfileBody, RhythmAnalysed, Scale, Span,
};
