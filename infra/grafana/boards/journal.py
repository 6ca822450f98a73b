"""The commit point and what feeds it: disk, snapshots, memory and queues."""

from panels import above, below, board, heatmap, last, lines, mean, quantiles, rate, row, stat

IDLE = "idle"
PER_CHUNK = "{} / clamp_min({}, 1e-9)".format(
    rate("zeitgeber_journal_written_bytes_total"), rate("zeitgeber_journal_chunks_total"))

NOW = row(
    "Now",
    stat("Size", "bytes", last("zeitgeber_journal_size_bytes"),
         "Bytes that the journal takes on the disk.", "nothing in it is ever deleted: plan for"
         " growth (docs/operations.md).", w=4),
    stat("Until the space is used", "s", "min(instance:zeitgeber_journal_full:seconds{@})",
         "Time until the journal reaches `zeitgeber:journal_size:budget_bytes`, at the pace of"
         " the last six hours.", "set the budget to the disk's real size in"
         " infra/prometheus/rules/limits.yml.", below(2592000, 604800), w=4,
         empty="not growing", runbook="ZeitgeberJournalWillFill"),
    stat("Segments", "none", last("zeitgeber_journal_segments_count"),
         "Segment files (`log.segment_mib` each).", "compare with the size.", w=4),
    stat("Snapshot age", "s", "max(zeitgeber_snapshot_age_seconds{@})",
         "Age of the oldest snapshot that is due anew; 0: none is.", "a start replays what came since.",
         above(7200, 21600), w=4, runbook="ZeitgeberSnapshotTooOld"),
    stat("Bytes a chunk", "bytes", PER_CHUNK, "How much one chunk holds, on the mean.",
         "small chunks under load: senders send single readings.", w=4),
    stat("Chunks a frame", "none", mean("zeitgeber_frame_chunks_count"),
         "How many partitions' chunks share one sync.", "1 under load: little to share.", w=4,
         empty=IDLE),
)

COMMIT = row(
    "Commit",
    lines("Chunk sealed until durable", "s", quantiles("zeitgeber_commit_seconds", 0.5, 0.99),
          "Waiting for the frame before, then write and fdatasync.",
          "well above the sync: frames queue; the disk is the bottleneck.",
          above(0.05, 0.2), empty=IDLE, runbook="ZeitgeberAcknowledgeSlow"),
    lines("Write and fdatasync of a frame", "s", quantiles("zeitgeber_sync_seconds", 0.5, 0.99),
          "What the disk itself takes for one frame.",
          "rises alone: another user of the disk, or a worn-out one.", above(0.02, 0.1),
          empty=IDLE, runbook="ZeitgeberAcknowledgeSlow"),
    heatmap("Sync times", "s", "zeitgeber_sync_seconds", "How sync times are spread.",
            "a second band far above is a disk that stalls."),
    lines("Chunks and bytes written", "Bps",
          {"bytes": rate("zeitgeber_journal_written_bytes_total")},
          "Bytes appended in a second.", "sizing: docs/operations.md has the formula."),
    lines("Chunks", "cps", {"chunks": rate("zeitgeber_journal_chunks_total")},
          "Chunks made durable in a second.", "zero while requests wait: the journal stands"
          " still.", runbook="ZeitgeberJournalStalled"),
    lines("Chunks a frame", "none", {"mean": mean("zeitgeber_frame_chunks_count")},
          "Group commit at work: more chunks a frame is fewer syncs.",
          "grows with load; that is as it should be.", empty=IDLE),
    lines("Events by partition", "cps",
          {"partition {{partition}}": "sum by (partition) "
           "(rate(zeitgeber_journal_position_events{@}[~]))"},
          "How fast each partition's position moves.",
          "one far above the others: one key sends more than everybody."),
    lines("Growth", "bytes",
          {"size": last("zeitgeber_journal_size_bytes"),
           "budget": "sum(zeitgeber:journal_size:budget_bytes)"},
          "The journal's size, and the space set aside for it.",
          "make room before they meet.", runbook="ZeitgeberJournalWillFill"),
)

SNAPSHOTS = row(
    "Snapshots",
    lines("Snapshots by result", "cps",
          {"{{result}}": rate("zeitgeber_snapshots_total", "result")},
          "Snapshots written, and those that failed.",
          "failed: no space, or no right to write.", w=8, runbook="ZeitgeberSnapshotTooOld"),
    lines("Time to write one", "s", quantiles("zeitgeber_snapshot_write_seconds", 0.5, 0.99),
          "How long a partition's snapshot takes.", "grows with people in memory.", w=8,
          empty="none written"),
    lines("Age of the oldest", "s", {"{{instance}}": "max by (instance) "
                                     "(zeitgeber_snapshot_age_seconds{@})"},
          "A saw: up with time, down with each snapshot.", "a ramp: snapshots fail or wait.",
          above(7200, 21600), w=8, runbook="ZeitgeberSnapshotTooOld"),
)

MEMORY = row(
    "People in memory",
    lines("People", "none", {"{{memory}}": last("zeitgeber_people_count", "memory")},
          "hot: state in memory; cold: on disk until they are heard of.",
          "all hot: memory is not the limit.", w=8, stack=True),
    lines("Memory of people", "bytes",
          {"used": last("zeitgeber_people_memory_bytes"),
           "budget": "sum(zeitgeber:people_memory:budget_bytes)"},
          "Bytes that hot people's states take, and the budget.",
          "at the budget people are put out as others come in.", w=8,
          runbook="ZeitgeberPeopleCacheThrashing"),
    lines("Loads and evictions", "cps",
          {"loads": rate("zeitgeber_people_loads_total"),
           "evictions": rate("zeitgeber_people_evictions_total"),
           "not written down": rate("zeitgeber_people_refused_writes_total")},
          "People brought back from disk, people put out of memory, and those who stayed because"
          " the disk did not take them.",
          "both high and equal: the budget is smaller than who is active in an hour.", w=8,
          runbook="ZeitgeberPeopleCacheThrashing"),
)

QUEUES = row(
    "Queues",
    lines("Waiting requests", "none",
          {"waiting": last("zeitgeber_pending_requests_count"),
           "bound": "sum(zeitgeber:pending_requests:bound)"},
          "Requests not durable yet, and the bound where 429 begins.",
          "see the busy share of the cores beside it.",
          runbook="ZeitgeberBacklogNearBound", w=6),
    lines("Waiting bytes", "bytes",
          {"waiting": last("zeitgeber_pending_bytes"),
           "bound": "sum(zeitgeber:pending:bound_bytes)"},
          "Bytes of inputs not durable yet, and the bound.", "large bodies fill it first.",
          runbook="ZeitgeberBacklogNearBound", w=6),
    lines("Batches before each core", "none",
          {"core {{core}}": last("zeitgeber_core_queue_batches", "core")},
          "What waits to be decided.", "one core alone: its partitions' keys are uneven.", w=6),
    lines("Busy share of cores", "percentunit",
          {"core {{core}}": rate("zeitgeber_core_busy_seconds_total", "core")},
          "Share of time that a core thread decides and applies.",
          "near 1: more cores (`runtime.threads`), or fewer readings.", above(0.8, 0.95), w=6,
          highest=1),
)

BOARD = board("journal", "journal", "The commit point: disk, snapshots, memory and queues.",
              NOW, COMMIT, SNAPSHOTS, MEMORY, QUEUES)
