"""Which arms are picked, what reaches people, what they answer, and what is learnt from it."""

from panels import (above, bars, below, board, last, lines, rate, row, stat, table)

DECISIONS, REWARDS = rate("zeitgeber_decisions_total"), rate("zeitgeber_rewards_total")
ISSUED = rate("zeitgeber_interventions_total")
REWARD = "avg by (arm) (zeitgeber_reward_points{@})"


def day(metric, by="arm"):
    return f"sum by ({by}) (increase({metric}{{@}}[1d]))"


NOW = row(
    "Now",
    stat("Decisions", "cps", DECISIONS, "First analyses of a newest hour that were decided on.",
         "zero while analyses come: all are revisions or too old.", w=3),
    stat("Issued", "percentunit", f"{ISSUED} / clamp_min({DECISIONS}, 1e-9)",
         "Share of decisions that reached somebody.",
         "the rest were suppressed (below) or chose no intervention.", w=3),
    stat("Rewards learnt", "cps", REWARDS, "Outcomes joined to their decision and learnt.",
         "none for hours: feedback does not arrive.", w=4, runbook="ZeitgeberNoRewards"),
    stat("Decisions without outcome", "none", last("zeitgeber_open_decisions_count"),
         "Decisions that still wait for feedback; they expire by configuration.",
         "a steady rise: the feedback's way is broken.", w=4, runbook="ZeitgeberNoRewards"),
    stat("Mean reward", "none", "avg(zeitgeber_reward_points{@})",
         "Mean of the arms' mean rewards, 0 to 1.", "watch its direction, not its level.", w=3),
    stat("Arms in use", "none", last("zeitgeber_learner_arms_count"),
         "Arms that the learner knows, whatever their status.",
         "should equal the configured arms: `zeitgeber config`.", w=3),
    stat("Stops in force", "none", "sum(max by (scope) (zeitgeber_stops_count{@}))",
         "What is stopped by order: everything, versions, arms, people.",
         "above zero: `zeitgeber policy status` names them.", w=4,
         runbook="ZeitgeberDecisionsStopped"),
)

CHOICE = row(
    "Choice",
    lines("Decisions by arm", "cps", {"{{arm}}": rate("zeitgeber_decisions_total", "arm")},
          "Which arm was picked.", "one arm alone: the others are masked, or it is far ahead.",
          stack=True, runbook="ZeitgeberArmStarved"),
    bars("Share of decisions by arm, a day", "percentunit",
         {"{{arm}}": "max by (arm) (instance_arm:zeitgeber_decisions:share1d{@})"},
         "Each arm's share of a day's decisions. `decisions.policy.epsilon` keeps every eligible"
         " arm above zero.", "an arm near zero is masked nearly always: daypart, dose or"
         " suspension.", below(0.01, 0.001), w=12, runbook="ZeitgeberArmStarved",
         empty="no decisions"),
    lines("Interventions by arm", "cps",
          {"{{arm}}": rate("zeitgeber_interventions_total", "arm")},
          "What was issued to people.", "compare with decisions: the difference is suppressed.",
          stack=True),
    lines("Suppressed by reason", "cps",
          {"{{reason}}": rate("zeitgeber_suppressions_total", "reason")},
          "Decisions that did not reach anybody: cooldown, daily budget, quiet hours, channel.",
          "mostly budget: limits are tight for what is decided.", stack=True,
          empty="none suppressed"),
)

LEARNING = row(
    "Learning",
    lines("Mean reward by arm", "none", {"{{arm}}": REWARD},
          "What the learner has seen of each arm, 0 (of no use) to 1.",
          "lines part as it finds out; a sudden fall of all: the meaning of feedback changed.",
          highest=1),
    lines("Rewards by arm", "cps", {"{{arm}}": rate("zeitgeber_rewards_total", "arm")},
          "Outcomes learnt in a second.", "an arm with decisions and no rewards learns nothing.",
          runbook="ZeitgeberNoRewards"),
    bars("Learner arms by status", "none",
         {"{{status}}": last("zeitgeber_learner_arms_count", "status")},
         "How many arms are active or suspended.", "`zeitgeber config` lists them."),
    lines("Decisions that wait for an outcome", "none",
          {"open": last("zeitgeber_open_decisions_count")},
          "They wait for `decisions.feedback.window_h`, then expire.",
          "a saw is normal; a ramp is not.", w=16, runbook="ZeitgeberNoRewards"),
    lines("What the stages said", "cps",
          {"{{stage}}: {{event}}": rate("zeitgeber_events_total", "stage, event",
                                        'stage=~"routing|intervention|feedback"')},
          "Events of routing, intervention and feedback in a second.",
          "one look at where decisions end.", w=24),
    table("Arms, the last day", "none",
          {"decided": day("zeitgeber_decisions_total"),
           "issued": day("zeitgeber_interventions_total"),
           "rewards": day("zeitgeber_rewards_total"), "mean reward": REWARD},
          "One line an arm: how often picked, issued, answered, and how well.",
          "`zeitgeber explain DECISION` shows a single one with all its scores.", "arm"),
)

BOARD = board("learning", "decisions and learning",
              "Which arms are picked, what reaches people, what is learnt.", NOW, CHOICE, LEARNING)
