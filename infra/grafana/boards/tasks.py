"""The second flow: tasks by state and time, agents by health, and how well pools are doing."""

from panels import above, bars, board, chosen, last, lines, quantiles, rate, row, stat

POOL = 'pool=~"$pool"'
WAITING = f'{POOL}, state=~"queued|waiting"'
BUSY = last("zeitgeber_agent_slots_count", where=f'{POOL}, state="busy"')
SLOTS = last("zeitgeber_agent_slots_count", where=POOL)
DONE = rate("zeitgeber_task_events_total", where=f'{POOL}, event="task_completed"')
NONE = "no tasks"


def ended(name):
    """Rate of one way to end; the metric's values are the events' names."""
    return rate("zeitgeber_task_events_total", where=f'{POOL}, event="task_{name}"')


NOW = row(
    "Now",
    stat("Waiting", "none", last("zeitgeber_tasks_count", where=WAITING),
         "Tasks no agent has: queued, or waiting for their next try.",
         "add agents, or see whether the agents fit what tasks ask for.", above(1000, 10000),
         w=4, runbook="ZeitgeberTasksWaiting", empty=NONE),
    stat("Running", "none", last("zeitgeber_tasks_count", where=f'{POOL}, state=~"assigned|started"'),
         "Tasks that an agent has.", "compare with busy slots.", w=4, empty=NONE),
    stat("Completed", "cps", DONE, "Tasks completed in a second.",
         "zero with tasks running: agents take and do not answer.", w=4, empty=NONE),
    stat("Slots busy", "percentunit", f"{BUSY} / clamp_min({SLOTS}, 1)",
         "Share of the agents' capacity in use.", "near 1 with tasks waiting: more agents.",
         above(0.8, 0.95), w=4, empty="no agents"),
    stat("Agents healthy", "none", last("zeitgeber_agents_count", where=f'{POOL}, health="healthy"'),
         "Agents heard of within their limit.", "fewer than deployed: see their log.", w=4,
         empty="no agents"),
    stat("Agents lost", "none", last("zeitgeber_agents_count", where=f'{POOL}, health="lost"')
         + " or vector(0)", "Agents not heard of; their tasks went to others.",
         "find out what became of their machines.", above(1, 5), w=4,
         runbook="ZeitgeberAgentsLost"),
)

TASKS = row(
    "Tasks",
    lines("Tasks by state", "none", {"{{state}}": last("zeitgeber_tasks_count", "state", POOL)},
          "How many tasks are in each state.", "queued rising while slots are free: what they ask"
          " for fits no agent.", stack=True, empty=NONE),
    lines("Tasks waiting by pool", "none",
          {"{{pool}}": last("zeitgeber_tasks_count", "pool", WAITING)},
          "Which pool's tasks wait; pools beyond the 32nd are counted as `other`.",
          "agents can join another pool by registering there.",
          runbook="ZeitgeberTasksWaiting", empty=NONE),
    lines("What happens to tasks", "cps",
          {"{{event}}": rate("zeitgeber_task_events_total", "event", POOL)},
          "Task events in a second, by event.",
          "released and failed beside completed: agents give up.", empty=NONE),
    lines("Ways to end", "cps",
          {"completed": ended("completed"), "failed": ended("failed"),
           "expired": ended("expired"), "cancelled": ended("cancelled"),
           "dead lettered": ended("dead_lettered")},
          "How tasks end in a second; dead lettered is after the last try.",
          "expired: deadlines shorter than the wait.", empty=NONE),
)

TIMES = row(
    "Times",
    lines("Wait until assigned", "s",
          quantiles("zeitgeber_task_wait_seconds", 0.5, 0.99, by="priority"),
          "From queued to assigned, by priority; p99 should be 10 ms while slots are free.",
          "critical waits too: no agent fits, or none is free.", above(10, 60),
          runbook="ZeitgeberTasksWaiting", empty=NONE),
    lines("Time to run", "s",
          quantiles("zeitgeber_task_run_seconds", 0.5, 0.99, by="pool", where=POOL),
          "From assigned to finished, by pool.", "near the lease: raise it, or split the tasks.",
          empty=NONE),
)

AGENTS = row(
    "Agents",
    lines("Agents by health", "none",
          {"{{health}}": last("zeitgeber_agents_count", "health", POOL)},
          "healthy, late (a heartbeat missed), lost, draining, left.",
          "late before lost is the network; lost at once is the machine.", stack=True,
          runbook="ZeitgeberAgentsLost", empty="no agents"),
    lines("Slots", "none", {"{{state}}": last("zeitgeber_agent_slots_count", "state", POOL)},
          "Capacity of the agents: busy and free.", "free slots and waiting tasks together: look"
          " at capabilities and quotas.", stack=True, empty="no agents"),
    lines("Mean reward by pool", "none",
          {"{{pool}}": f"avg by (pool) (zeitgeber_task_reward_points{{@, {POOL}}})"},
          "Reward of finished tasks (success, latency, cost, quality), 0 to 1.",
          "a pool whose policy learns should rise, or stay.", highest=1, empty=NONE),
    bars("Agents by pool", "none", {"{{pool}} {{health}}": last(
        "zeitgeber_agents_count", "pool, health", POOL)},
         "Who is where.", "a pool with none healthy can do nothing.", w=12, empty="no agents"),
    lines("What the tasks stage said", "cps",
          {"{{event}}": rate("zeitgeber_events_total", "event", 'stage="tasks"')},
          "Events of the tasks stage in a second, over all pools.",
          "agent events beside task events: fleets that come and go.", w=24, empty=NONE),
)

BOARD = board("tasks", "tasks and agents", "Who waits, who works, how long it takes, how well.",
              NOW, TASKS, TIMES, AGENTS,
              variables=[chosen("pool", "zeitgeber_tasks_count", "Pool")])
