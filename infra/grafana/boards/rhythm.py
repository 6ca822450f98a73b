"""What the analyses find, as a population: never one person, who has `zeitgeber status`."""

from panels import above, below, board, heatmap, lines, quantile, quantiles, rate, row, stat

NONE = "no analyses"
LATER = "{} / clamp_min({}, 1e-9)".format(
    rate("zeitgeber_analyses_total", where='revision="later"'), rate("zeitgeber_analyses_total"))

NOW = row(
    "Now",
    stat("Analyses", "cps", rate("zeitgeber_analyses_total"),
         "Sealed local hours and midnights analysed in a second, revisions included.",
         "zero while readings come: clocks do not move on (watermark lag).", w=6),
    stat("Revisions", "percentunit", LATER,
         "Share of analyses that late data made anew. Revisions never decide again.",
         "much of it: bulk syncs; people get fewer decisions.", above(0.5, 0.8), w=6),
    stat("Coverage, median", "percentunit",
         quantile(0.5, "zeitgeber_analysis_coverage_ratio"),
         "How much of a window had usable data, for the median analysis.",
         "low: devices are not worn, or not synced.", below(0.5, 0.2), w=6, empty=NONE),
    stat("Vitality, median", "percentunit",
         quantile(0.5, "zeitgeber_analysis_vitality_ratio"),
         "The composite of alertness, variability, regularity, sleep and light, 0 to 1.",
         "a jump for everybody at once is a change of data or code, not of people.", w=6,
         empty=NONE),
)

FLOW = row(
    "Analyses",
    lines("Analyses by span", "cps",
          {"{{span}} {{revision}}": rate("zeitgeber_analyses_total", "span, revision")},
          "Hours and midnights, first analysis or later revision.",
          "first analyses follow the clock; revisions follow bulk syncs.", stack=True),
    lines("From the window's end to its analysis", "s",
          quantiles("zeitgeber_analysis_delay_seconds", 0.5, 0.99),
          "How far the person's clock had gone past the window when it was sealed.",
          "above 2 h an analysis no longer leads to a decision.", above(3600, 7200), empty=NONE),
    lines("What the rhythm stage said", "cps",
          {"{{event}}": rate("zeitgeber_events_total", "event", 'stage="rhythm"')},
          "Events of the rhythm stage in a second.", "compare with the analyses above.", w=24),
)

FOUND = row(
    "What they find",
    lines("Coverage", "percentunit",
          quantiles("zeitgeber_analysis_coverage_ratio", 0.1, 0.5, 0.9),
          "Share of a window with usable data, at the 10th, 50th and 90th percentile.",
          "a falling 10th percentile: some devices stopped.", empty=NONE, highest=1),
    heatmap("Coverage of windows", "percentunit", "zeitgeber_analysis_coverage_ratio",
            "How coverage is spread.", "a band at zero is people without a device."),
    lines("Vitality", "percentunit",
          quantiles("zeitgeber_analysis_vitality_ratio", 0.1, 0.5, 0.9),
          "Vitality at the 10th, 50th and 90th percentile.",
          "`zeitgeber status PERSON` shows one person's parts and weights.", empty=NONE,
          highest=1),
    heatmap("Vitality of people", "percentunit", "zeitgeber_analysis_vitality_ratio",
            "How vitality is spread.", "two bands are usually two kinds of device."),
    lines("Sleepiness (KSS)", "none",
          quantiles("zeitgeber_analysis_sleepiness_points", 0.1, 0.5, 0.9),
          "Predicted sleepiness on Karolinska's scale: 1 very alert, 9 fighting sleep.",
          "the day's course should show; a flat line means that sleep is not found.",
          empty=NONE, highest=9),
    heatmap("Sleepiness of people", "none", "zeitgeber_analysis_sleepiness_points",
            "How predicted sleepiness is spread.", "compare night and day."),
)

BOARD = board("rhythm", "rhythm",
              "How many analyses are made, how late, and what they find across people.",
              NOW, FLOW, FOUND)
