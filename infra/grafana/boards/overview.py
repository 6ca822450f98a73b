"""The first look: is the service up, does it keep up, and does anybody wait?"""

from panels import (above, bars, below, board, lines, last, quantile, quantiles, rate, row, stat,
                    table, YES_NO)

IDLE = "idle"

HEALTH = row(
    "Is all well?",
    stat("Up", "none", 'min(up{@, job="zeitgeber"})',
         "Prometheus reaches every chosen instance.",
         "start with the service's own log.", below(1, 1), mapping=YES_NO,
         runbook="ZeitgeberDown"),
    stat("Ready", "none", "min(instance:zeitgeber_ready:min{@})",
         "Every chosen instance takes inputs: none is starting or ending, and no journal failed.",
         "a failed journal takes nothing until a restart; read why before you restart.",
         below(1, 1), mapping=YES_NO, runbook="ZeitgeberNotReady"),
    stat("Alerts firing", "none", 'count(ALERTS{alertstate="firing", alertname=~"Zeitgeber.*"})'
         " or vector(0)", "How many of the alert rules say that somebody should look.",
         "the table at the end names them; each has a runbook.", above(1, 3)),
    stat("Inputs", "cps", "sum(instance_kind:zeitgeber_inputs:rate5m{@})",
         "Readings, feedback, profiles, tasks and ticks settled in a second, over five minutes.",
         "a sudden fall means that senders, or the way to here, stopped: ask them first."),
    stat("Refused", "percentunit", "max(instance:zeitgeber_inputs_refused:ratio_rate5m{@})",
         "Share of inputs kept as dead letters, over five minutes.",
         "the data quality board says which reason; `zeitgeber deadletters` shows the bytes.",
         above(0.02, 0.05), runbook="ZeitgeberRefusalsHigh"),
    stat("Acknowledge p50", "s", "max(instance:zeitgeber_acknowledge_seconds:p50_5m{@})",
         "Half of what is handed over is durable and settled sooner than this.",
         "compare with the commit: what is above it is queueing and deciding.",
         above(0.05, 0.1), empty=IDLE, runbook="ZeitgeberAcknowledgeSlow"),
    stat("Acknowledge p99", "s", "max(instance:zeitgeber_acknowledge_seconds:p99_5m{@})",
         "One in a hundred waits longer than this until what it sent is durable.",
         "look at sync time and queues on the journal board.",
         above(0.1, 0.25), empty=IDLE, runbook="ZeitgeberAcknowledgeSlow"),
    stat("Error budget left", "percentunit", "min(instance:zeitgeber_acknowledge_budget:left30d{@})",
         "Of the 1 % of acknowledgements that may take longer than 100 ms in 30 days, the share"
         " not used up yet. Below zero the objective is missed.",
         "spend what is left on nothing risky: no upgrade, no bulk load by day.",
         below(0.5, 0.1), empty=IDLE, runbook="ZeitgeberAcknowledgeBudgetBurning"),
    stat("Commit p99", "s", "max(instance:zeitgeber_commit_seconds:p99_5m{@})",
         "Time from a sealed chunk to its being durable, without queueing before it.",
         "a slow commit is a slow disk: see the sync times on the journal board.",
         above(0.05, 0.2), empty=IDLE, runbook="ZeitgeberAcknowledgeSlow"),
    stat("Queue used", "percentunit", "max(instance:zeitgeber_pending_requests:ratio{@})",
         "Requests that wait until they are durable, as a share of the bound; beyond it callers"
         " get 429.", "senders should make larger batches; see which part is slow.",
         above(0.6, 0.8), runbook="ZeitgeberBacklogNearBound"),
    stat("Watermark lag", "s", "max(instance:zeitgeber_watermark_lag_seconds:median{@})",
         "How far the newest reading of the median partition lies behind the clock on the wall.",
         "old readings mean that senders hold them back, or that somebody backfills.",
         above(600, 1800), runbook="ZeitgeberWatermarkLag"),
    stat("Snapshot age", "s", "max(zeitgeber_snapshot_age_seconds{@})",
         "Age of the oldest snapshot that is due anew: a start replays the journal from there.",
         "nothing is lost by an old one; starts get slower.", above(7200, 21600),
         runbook="ZeitgeberSnapshotTooOld"),
    stat("People in memory", "none", last("zeitgeber_people_count", where='memory="hot"'),
         "People whose state is in memory now; the rest come back from snapshot and journal.",
         "nothing while loads stay rare (journal board)."),
    stat("Streams", "none", last("zeitgeber_stream_subscribers_count"),
         "Subscribers connected now, by server-sent events or WebSocket.",
         "a fall to zero with everything else well: look at what stands in front of it."),
    stat("Tasks waiting", "none", last("zeitgeber_tasks_count", where='state=~"queued|waiting"'),
         "Tasks that no agent has taken yet (queued, or waiting for their next try).",
         "see by pool and priority on the tasks board.", above(1000, 10000),
         runbook="ZeitgeberTasksWaiting"),
    stat("Agents lost", "none", last("zeitgeber_agents_count", where='health="lost"') +
         " or vector(0)", "Agents not heard of within their pool's limit; their tasks went to"
         " others.", "find out what became of their machines.", above(1, 5),
         runbook="ZeitgeberAgentsLost"),
)

FLOW = row(
    "Flow",
    lines("Inputs by outcome", "cps", {"{{outcome}}": rate("zeitgeber_inputs_total", "outcome")},
          "What became of what was sent: accepted, rejected (a dead letter), duplicate (seen"
          " before, counted only), idle (a tick that changed nothing).",
          "rejected beside accepted: the data quality board.", stack=True),
    lines("Until acknowledged", "s",
          quantiles("zeitgeber_acknowledge_seconds", 0.5, 0.99)
          | {"commit p99": quantile(0.99, "zeitgeber_commit_seconds")},
          "From hand-over to settled; the commit is the part that the disk takes.",
          "both rise: the disk. Only acknowledge rises: queueing, or too few cores.",
          above(0.1, 0.25), runbook="ZeitgeberAcknowledgeSlow", empty=IDLE),
    lines("Waiting requests and their bound", "none",
          {"waiting": last("zeitgeber_pending_requests_count"),
           "bound": "sum(zeitgeber:pending_requests:bound)"},
          "Requests whose inputs are not durable yet. At the bound callers get 429 and"
          " Retry-After; nothing accepted is dropped.", "a line that stays near the bound needs a"
          " faster disk, more cores or larger batches.", runbook="ZeitgeberBacklogNearBound"),
    lines("Journal growth", "Bps", {"written": rate("zeitgeber_journal_written_bytes_total")},
          "Bytes appended to the journal in a second; nothing in it is ever deleted.",
          "the journal board says when the space set aside is used up.",
          runbook="ZeitgeberJournalWillFill"),
)

DOORS = row(
    "Doors",
    lines("Requests by status", "reqps",
          {"{{status}}": rate("zeitgeber_http_requests_total", "status")},
          "HTTP answers in a second by status.", "4xx are the callers', 5xx are ours: the log has"
          " the request id.", stack=True),
    lines("Requests by route and method", "reqps",
          {"{{method}} {{route}}": rate("zeitgeber_http_requests_total", "method, route")},
          "Which doors are used how much.", "find the caller behind a jump by its token's name."),
    lines("Slowest routes, p99", "s",
          {"{{route}}": f"topk(8, {quantile(0.99, 'zeitgeber_http_request_seconds', 'route')})"},
          "Time from request to answer. Posts wait for the disk; long polls and streams are meant"
          " to last.", "reads above 5 ms (person in memory) or 50 ms (not in memory) are too"
          " slow.", empty=IDLE),
    lines("Refused at the door", "reqps",
          {"{{reason}}": rate("zeitgeber_http_refusals_total", "reason")},
          "Requests turned away before anything was read from them: too large, wrong type, no"
          " token, too much waiting.", "the reason names the bound.",
          empty="none", runbook="ZeitgeberBacklogNearBound"),
    lines("Connections and subscribers", "none",
          {"connections": last("zeitgeber_http_connections_count"),
           "{{transport}}": last("zeitgeber_stream_subscribers_count", "transport")},
          "Open connections, and those of them that follow a stream.",
          "connections without requests: clients that do not close."),
    lines("Events sent to subscribers", "cps",
          {"{{transport}}": rate("zeitgeber_stream_events_total", "transport"),
           "cut off: {{reason}}": rate("zeitgeber_stream_cutoffs_total", "reason")},
          "Rows written to streams, and streams cut off because they did not read.",
          "a cut-off client resumes by its last event id and misses nothing.",
          runbook="ZeitgeberStreamsCutOff"),
    lines("Durable until written to subscribers", "s",
          quantiles("zeitgeber_stream_lag_seconds", 0.5, 0.99),
          "How much later than the journal subscribers see an event.",
          "above 25 ms: too many subscribers for the cores.", above(0.025, 0.25), empty=IDLE),
)

PROCESS = row(
    "Process and alerts",
    lines("Resident memory", "bytes",
          {"resident {{instance}}": "zeitgeber_process_resident_bytes{@}",
           "people {{instance}}": "zeitgeber_people_memory_bytes{@}"},
          "Memory of the process, and the part that people's states take.",
          "people are bounded by their budget; growth beside it is a bug: keep the log.", w=8),
    lines("Processor", "none",
          {"{{instance}}": rate("zeitgeber_process_cpu_seconds_total", "instance")},
          "Cores in use.", "near the machine's cores everything queues: the journal board shows"
          " how busy each core thread is.", w=8),
    lines("Open files", "none", {"{{instance}}": last("zeitgeber_process_files_count", "instance")},
          "File descriptors: connections, segments, snapshots.",
          "compare with the unit's LimitNOFILE.", w=8),
    lines("Log lines", "cps", {"{{level}}": rate("zeitgeber_log_lines_total", "level")},
          "How much the service has to say, by level.",
          "read the errors: each names what to do."),
    bars("Running since", "s",
         {"{{instance}}": "time() - max by (instance) (zeitgeber_process_start_seconds{@})"},
         "Time since the process started.", "restarts nobody asked for: read the end of the log"
         " before the start.", w=6),
    table("Version", "none", {"count": last("zeitgeber_build_info", "version, instance")},
          "Which version each instance runs.", "all should be the same.", "instance", w=6),
    table("Alerts firing", "none",
          {"firing": 'sum by (alertname, severity) (ALERTS{alertstate="firing",'
                     ' alertname=~"Zeitgeber.*"})'},
          "The alert rules that fire now; usually this table is empty.",
          "open the alert's page in docs/runbooks.", "alertname", empty="none firing"),
)

BOARD = board("overview", "overview",
              "One look: is the service well? Every number has its meaning and its runbook.",
              HEALTH, FLOW, DOORS, PROCESS)
