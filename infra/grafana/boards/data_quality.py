"""What is sent, and what is wrong with it: the board for those who own the senders."""

from panels import above, bars, board, heatmap, lines, quantiles, rate, row, stat

READINGS = 'kind=~"imu|hrv|environment"'


def share(where):
    return (f"{rate('zeitgeber_inputs_total', where=where)} / "
            f"clamp_min({rate('zeitgeber_inputs_total', where=READINGS)}, 1e-9)")


NOW = row(
    "Now",
    stat("Readings", "cps", rate("zeitgeber_inputs_total", where=READINGS),
         "Readings settled in a second, whatever became of them.",
         "compare with what the fleet should send.", w=6),
    stat("Refused readings", "percentunit", share(f'{READINGS}, outcome="rejected"'),
         "Share of readings that became dead letters.",
         "`zeitgeber deadletters` shows them with reason, line and bytes.", above(0.02, 0.05),
         w=6, runbook="ZeitgeberRefusalsHigh"),
    stat("Exact repeats", "percentunit", share(f'{READINGS}, outcome="duplicate"'),
         "Share of readings sent again, the same to the byte. They do no harm.",
         "above a third: senders do not remember what was acknowledged.", above(0.34, 0.67), w=6),
    stat("Not readable at all", "cps", rate("zeitgeber_inputs_total", where='kind="unreadable"'),
         "Inputs of which not even the kind could be read.",
         "usually one broken sender: `zeitgeber deadletters --reason not_json`.", above(0.1, 10),
         w=6, runbook="ZeitgeberRefusalsHigh"),
)

WHAT = row(
    "What comes in",
    lines("Inputs by kind", "cps", {"{{kind}}": rate("zeitgeber_inputs_total", "kind")},
          "Inputs in a second by kind.", "a kind that stops: its sensors' sync stopped.",
          stack=True),
    lines("Outcome by kind", "cps",
          {"{{kind}} {{outcome}}": rate("zeitgeber_inputs_total", "kind, outcome",
                                        'outcome!="accepted"')},
          "What was not accepted, by kind.", "one kind alone points to one firmware.",
          empty="all accepted"),
    lines("What validation said", "cps",
          {"{{event}}": rate("zeitgeber_events_total", "event", 'stage="validation"')},
          "Events of the validation stage in a second.",
          "reading_accepted is what rhythm is made of."),
)

WRONG = row(
    "What is wrong with it",
    lines("Refusals by reason", "cps", {"{{reason}}": rate("zeitgeber_refusals_total", "reason")},
          "Dead letters in a second by reason.",
          "clock_ahead: sender's clock; too_late: held back above 48 h; out_of_range: units;"
          " unknown_user: profile missing.", stack=True, runbook="ZeitgeberRefusalsHigh",
          empty="none refused"),
    bars("Refusals in the last day", "none",
         {"{{reason}}": "sort_desc(sum by (reason) (increase(zeitgeber_refusals_total{@}[1d])))"},
         "Dead letters of 24 hours by reason.",
         "start with the largest; mend the sender, then send the range again.", w=12,
         empty="none refused"),
)

WHEN = row(
    "How late it comes",
    lines("Delay of readings", "s", quantiles("zeitgeber_reading_delay_seconds", 0.5, 0.9, 0.99),
          "From the end of a reading's epoch to its arrival. Wearables sync in bulk: hours are"
          " normal, above 48 h is refused.",
          "a median above 2 h means that few analyses lead to a decision.", above(7200, 172800),
          empty="no readings"),
    heatmap("Delays of readings", "s", "zeitgeber_reading_delay_seconds",
            "How the delays are spread; two bands are live senders and bulk syncs.",
            "a band that drifts upwards is a backlog at a sender."),
    lines("Watermark lag by partition", "s",
          {"partition {{partition}}": "max by (partition) (zeitgeber_watermark_lag_seconds{@})"},
          "The wall clock less the newest arrival that a partition accepted.",
          "one alone: its people are silent; all: senders or the way to here.",
          above(600, 1800), w=24, runbook="ZeitgeberWatermarkLag"),
)

BOARD = board("data-quality", "data quality",
              "What senders send, what is refused and why, and how late it comes.",
              NOW, WHAT, WRONG, WHEN)
