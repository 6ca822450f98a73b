"""Past one machine: who writes which partition, how far behind the topics they are, the brokers."""

from panels import above, board, last, lines, quantiles, rate, row, stat

ALONE = "no Kafka"
LAG = last("zeitgeber_kafka_lag_records")

NOW = row(
    "Now",
    stat("Behind", "none", LAG, "Records of the input topics that no worker has read yet.",
         "grows while inputs come: too few workers, or the database is the limit.",
         above(50000, 500000), w=4, runbook="ZeitgeberLagGrowing", empty=ALONE),
    stat("Partitions owned", "none", last("zeitgeber_cluster_partitions_owned_count"),
         "Partitions that a worker writes, over all workers.",
         "fewer than the log has: `zeitgeber cluster status` names those of nobody.", w=4,
         runbook="ZeitgeberPartitionsUnowned", empty=ALONE),
    stat("Takeover p99", "s", quantiles("zeitgeber_cluster_takeover_seconds", 0.99)["p99"],
         "From the group's word until a partition's inputs are read.",
         "seconds: snapshots are old, or the database is slow.", above(1, 5), w=4,
         empty="nothing moved"),
    stat("Conflicts", "cps", rate("zeitgeber_cluster_conflicts_total"),
         "Partitions that another writer took, in a second.",
         "again and again: two workers believe that they own it.", above(0.1, 1), w=4,
         runbook="ZeitgeberConflicts", empty=ALONE),
    stat("Broker connections", "none", last("zeitgeber_kafka_brokers_count", where='state="up"'),
         "Connections of clients to brokers that stand.",
         "fewer than before: brokers are away; clients connect again by themselves.", w=4,
         runbook="ZeitgeberBrokersAway", empty=ALONE),
    stat("Records lost", "none", "sum(increase(zeitgeber_kafka_lost_records_total{@}[1h]))",
         "Records of the last hour that a topic's retention took before they were read.",
         "lengthen the retention, and see why workers were so far behind.", above(1, 1), w=4,
         runbook="ZeitgeberRecordsLost", empty=ALONE),
)

IN = row(
    "In",
    lines("Records by topic", "cps", {"{{topic}}": rate("zeitgeber_kafka_records_total", "topic")},
          "Records taken from the input topics.", "zero with lag: no worker owns the partitions.",
          empty=ALONE),
    lines("Bytes by topic", "Bps",
          {"{{topic}}": rate("zeitgeber_kafka_received_bytes_total", "topic")},
          "Bytes of their values.", "the brokers' network is sized by it.", empty=ALONE),
    lines("Lag by topic", "none", {"{{topic}}": last("zeitgeber_kafka_lag_records", "topic")},
          "Records between what was read and the end.", "one topic alone: its producers came"
          " together; all: workers are too slow.", empty=ALONE, runbook="ZeitgeberLagGrowing"),
    lines("Lag by partition", "none",
          {"partition {{partition}}": last("zeitgeber_kafka_lag_records", "partition")},
          "The same by partition.", "some partitions only: their worker is slow or gone.",
          empty=ALONE, runbook="ZeitgeberLagGrowing"),
    lines("Refused, misplaced, forwarded", "cps",
          {"refused": rate("zeitgeber_kafka_refused_records_total"),
           "misplaced": rate("zeitgeber_kafka_misplaced_records_total"),
           "forwarded": rate("zeitgeber_kafka_forwarded_records_total")},
          "Records that became dead letters, or lay where their key does not belong.",
          "misplaced: a producer uses another partitioner than murmur2.", empty=ALONE,
          runbook="ZeitgeberRefusalsHigh"),
    lines("Partitions that moved", "cps",
          {"conflicts": rate("zeitgeber_cluster_conflicts_total"),
           "failed takeovers": rate("zeitgeber_cluster_failed_takeovers_total")},
          "Partitions that others took, and takeovers that are tried again.",
          "the worker's log says why each failed.", empty=ALONE, runbook="ZeitgeberConflicts"),
)

OUT = row(
    "Out",
    lines("Published", "cps", {"outputs": rate("zeitgeber_kafka_published_records_total")},
          "Outputs handed to the producers, repeats included.",
          "zero while events come: see the worker's log.", w=8, empty=ALONE),
    lines("Waiting for brokers", "none", {"{{instance}}":
                                          last("zeitgeber_kafka_queued_records", "instance")},
          "Outputs that wait for a broker.", "a ramp: brokers are away or slow.", w=8,
          empty=ALONE, runbook="ZeitgeberBrokersAway"),
    lines("Transactions, failures, not delivered", "cps",
          {"transactions": rate("zeitgeber_kafka_transactions_total"),
           "failures": rate("zeitgeber_kafka_failures_total"),
           "not delivered": rate("zeitgeber_kafka_undelivered_records_total")},
          "Transactions committed, and what clients could not do.",
          "failures name the broker and the reason in the log.", w=8, empty=ALONE,
          runbook="ZeitgeberBrokersAway"),
)

MOVES = row(
    "Takeovers",
    lines("Time of a takeover", "s", quantiles("zeitgeber_cluster_takeover_seconds", 0.5, 0.99),
          "Claim, state, rest of the log: from the group's word until inputs are read.",
          "grows with the log's tail: keep standbys (kafka.standbys), or write snapshots more often.",
          above(1, 5), w=12, empty="nothing moved"),
    lines("Takeovers by what they began with", "cps",
          {"{{from}}": rate("zeitgeber_cluster_takeover_seconds_count", "from")},
          "A state that was kept as a standby, a snapshot, or the whole log.",
          "snapshot or log after a death: standbys were behind or are not configured.", w=12,
          empty="nothing moved", runbook="ZeitgeberStandbysBehind"),
    lines("Partitions by worker", "none",
          {"{{instance}}": last("zeitgeber_cluster_partitions_owned_count", "instance")},
          "How the group shares partitions out.", "steps are rebalances: workers that came or"
          " went.", w=12, empty=ALONE, runbook="ZeitgeberPartitionsUnowned"),
    lines("Partitions followed by worker", "none",
          {"{{instance}}": last("zeitgeber_cluster_partitions_followed_count", "instance")},
          "Partitions of others whose state is kept up.", "all workers together follow"
          " kafka.standbys times the log's partitions.", w=12, empty=ALONE),
    lines("Standbys behind", "s",
          {"{{instance}}": last("zeitgeber_cluster_standby_behind_seconds", "instance")},
          "How long the log of followed partitions has not been read to its end.",
          "a ramp: the database is slow for this worker, or it has too little processor.",
          above(60, 600), w=12, empty=ALONE, runbook="ZeitgeberStandbysBehind"),
    lines("Memory of standbys", "bytes",
          {"{{instance}}": last("zeitgeber_cluster_standby_people_memory_bytes", "instance")},
          "People's states in memory in followed partitions.",
          "bounded by their share of memory.people_mib.", w=12, empty=ALONE),
)

BOARD = board("cluster", "cluster", "Kafka, workers and partitions past one machine.",
              NOW, IN, OUT, MOVES)
