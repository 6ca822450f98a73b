//! Deliberate bugs that a simulation can be run with, to see that it finds them.
//!
//! Each stands in the simulated ports, or in what the simulated machine does around the production
//! code, where it has the effect of a bug in that code: so the production code carries nothing for
//! it. Bugs that a second check makes harmless (a snapshot ahead of the log, or of another one) have
//! no effect to find, and are not here.

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
    /// The name of a new segment is not synced.
    NewSegmentNameNotSynced,
    /// A write for which there is no room is taken for done.
    FullTakenForDone,
    /// A read that fails is taken for the end of the file.
    ReadErrorTakenForEnd,
    /// The durable mark stays where it was first put.
    MarkNotAdvanced,
    /// A torn tail is cut a sector too far back.
    CutTooFarBack,
    /// The lock keeps nobody out.
    LockNotTaken,
    /// Reading checks sums and numbers, and no hash.
    HashesNotChecked,
    /// The sources' cursors are lost at opening.
    CursorsForgotten,
    /// Opening goes on with a chunk number that is taken.
    ChunkNumberReused,
    /// Two partitions get each other's inputs.
    InputInAnotherPartition,
    /// An input that no door can read is dropped.
    DeadLetterLost,
    /// What goes to several partitions is acknowledged by the first one that has it.
    AcknowledgedByFirstPartition,
    /// The time is never told.
    TickLost,
    /// A time is told that has not come.
    TickAhead,
    /// A snapshot names the moment at which it is written, not that of its state.
    SnapshotNamedForLater,
    /// Recovery believes an old state without the log's last chunk.
    LastChunkNotFolded,
    /// Recovery folds the log's last chunk twice.
    LastChunkFoldedTwice,
    /// Recovery forgets what was learnt.
    FeedbackNotFolded,
    /// Recovery forgets which readings are known.
    KnownIdsForgotten,
    /// Recovery forgets what was refused.
    RefusalsForgotten,
    /// Recovery folds the events of an input in reverse.
    EventsFoldedInReverse,
    /// Recovery folds no ticks.
    TicksNotFolded,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 42] = [
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
        Self::NewSegmentNameNotSynced,
        Self::FullTakenForDone,
        Self::ReadErrorTakenForEnd,
        Self::MarkNotAdvanced,
        Self::CutTooFarBack,
        Self::LockNotTaken,
        Self::HashesNotChecked,
        Self::CursorsForgotten,
        Self::ChunkNumberReused,
        Self::InputInAnotherPartition,
        Self::DeadLetterLost,
        Self::AcknowledgedByFirstPartition,
        Self::TickLost,
        Self::TickAhead,
        Self::SnapshotNamedForLater,
        Self::LastChunkNotFolded,
        Self::LastChunkFoldedTwice,
        Self::FeedbackNotFolded,
        Self::KnownIdsForgotten,
        Self::RefusalsForgotten,
        Self::EventsFoldedInReverse,
        Self::TicksNotFolded,
    ];
}
