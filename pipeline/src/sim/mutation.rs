//! Deliberate bugs that a simulation can be run with, to see that it finds them.
//!
//! Each stands in the simulated ports, where it has the effect of a bug in the code behind them: so
//! the production code carries nothing for it.

/// A deliberate bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// Segments are never synced.
    SegmentNotSynced,
    /// A segment's sync is left out once in a while.
    SegmentSyncSkippedSometimes,
    /// Names of the log are never synced.
    NamesNotSynced,
    /// A file is put in the place of its name before its content was synced.
    RenamedBeforeSync,
    /// A failed sync is taken for a sound one.
    SyncErrorIgnored,
    /// A failed sync is made again, and that one believed.
    SyncRetriedAfterError,
    /// A write that was cut short is taken for whole.
    ShortWriteTakenForWhole,
    /// A failed write is taken for done.
    WriteErrorIgnored,
    /// A torn tail is not cut.
    TailNotCut,
    /// What opening finds at the end is not written again and synced.
    EndNotSettledAtOpening,
    /// Frames land a sector too far on once in a while.
    FrameMisplaced,
    /// A chunk is reported durable when it is queued.
    AcknowledgedWhenQueued,
    /// A chunk is reported durable and never queued.
    ChunkDropped,
    /// A failed append is reported as done.
    FailureReportedAsDone,
    /// A completion never comes.
    CompletionLost,
    /// A source's cursor stands one line too far after opening.
    CursorOneTooFar,
    /// An input sent again is not known again.
    RepeatNotKnown,
    /// A bit of an input changes on its way.
    InputAltered,
    /// Two inputs of a batch change places.
    InputsSwapped,
    /// The last input of a batch is left out.
    LastInputDropped,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::SegmentNotSynced,
        Self::SegmentSyncSkippedSometimes,
        Self::NamesNotSynced,
        Self::RenamedBeforeSync,
        Self::SyncErrorIgnored,
        Self::SyncRetriedAfterError,
        Self::ShortWriteTakenForWhole,
        Self::WriteErrorIgnored,
        Self::TailNotCut,
        Self::EndNotSettledAtOpening,
        Self::FrameMisplaced,
        Self::AcknowledgedWhenQueued,
        Self::ChunkDropped,
        Self::FailureReportedAsDone,
        Self::CompletionLost,
        Self::CursorOneTooFar,
        Self::RepeatNotKnown,
        Self::InputAltered,
        Self::InputsSwapped,
        Self::LastInputDropped,
    ];
}
