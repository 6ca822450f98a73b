//! The writer: journal and queues.

use super::{
    Kind::{Counter, Gauge, Histogram},
    Label, SECONDS, bounded, metrics,
};
use crate::measure;

const PARTITION: Label = bounded("partition", "0 to 1023, as many as the log has");
const CORE: Label = bounded("core", "0 to 255, one for each core thread");

metrics! { JOURNAL_METRICS:
    COMMIT = SECONDS, "zeitgeber_commit_seconds", [],
        "Time from the sealing of a chunk until it is durable", by "runtime, per chunk";
    ACKNOWLEDGE = SECONDS, "zeitgeber_acknowledge_seconds", [],
        "Time from the hand-over of a request's inputs until they are durable and answered",
        by "engine, per request";
    JOURNAL_POSITION = Gauge, "zeitgeber_journal_position_events", [PARTITION],
        "Position of the next event of a partition: the events it holds",
        by "sampler, from the journal";
    JOURNAL_CHUNKS = Counter, "zeitgeber_journal_chunks_total", [],
        "Chunks made durable", by "journal, per frame";
    JOURNAL_WRITTEN = Counter, "zeitgeber_journal_written_bytes_total", [],
        "Bytes of frames written and synced", by "journal, per frame";
    JOURNAL_SIZE = Gauge, "zeitgeber_journal_size_bytes", [],
        "Bytes that the log's segments hold on disk, reserved room included",
        by "sampler, from the data directory";
    JOURNAL_SEGMENTS = Gauge, "zeitgeber_journal_segments_count", [],
        "Segment files of the log", by "sampler, from the data directory";
    SYNC = SECONDS, "zeitgeber_sync_seconds", [],
        "Time to write a frame and sync it to the disk", by "journal, per frame";
    FRAME_CHUNKS = Histogram(measure::CHUNKS), "zeitgeber_frame_chunks_count", [],
        "Chunks that share a frame and so a sync", by "journal, per frame";
    WATERMARK_LAG = Gauge, "zeitgeber_watermark_lag_seconds", [PARTITION],
        "Wall clock less the greatest arrival time of a partition's accepted readings",
        by "sampler, from what became durable";
}

metrics! { QUEUE_METRICS:
    PENDING_REQUESTS = Gauge, "zeitgeber_pending_requests_count", [],
        "Requests whose inputs are not durable yet", by "sampler, from the engine";
    PENDING_BYTES = Gauge, "zeitgeber_pending_bytes", [],
        "Bytes of inputs that are not durable yet", by "sampler, from the engine";
    CORE_QUEUE = Gauge, "zeitgeber_core_queue_batches", [CORE],
        "Hand-overs that wait for a core thread", by "sampler, from the runtime";
    CORE_BUSY = Counter, "zeitgeber_core_busy_seconds_total", [CORE],
        "Time that a core thread spent working", by "runtime, per wake-up";
}
