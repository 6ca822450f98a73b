//! A pool of agents in a log, written as a service would write it.

use std::{path::Path, sync::mpsc};

use zeitgeber::{
    cycle::{Action, Batch, Cycle, Item, OutcomeDetail, Raw, Wants},
    engine::Listener,
    journal::{Append, Tail},
    store::Store,
};
use zeitgeber_processors::{flow::State, tasks::default_configuration};
use zeitgeber_schemas::{
    AgentBody, AgentCommand, AgentProfile, AssignmentPolicy, Envelope, PartitionId, Priority,
    Resources, TaskBody, TaskInput, TaskResultBody, Tier,
};

/// A pool, an agent, a task that it does: what a writer without doors for them puts into a log.
pub(super) fn work(dir: &Path, mut recording: impl Listener) {
    let store = Store::write(dir, 4, 1 << 20).expect("an empty directory opens");
    let partition = PartitionId(0);
    let state = State::initial(partition);
    let cycle = Cycle::resume(state, Tail::default(), 64 << 10, OutcomeDetail::Counts);
    let mut cycle = cycle.telling(Wants { tally: true, ..Wants::default() });
    let mut pool = default_configuration();
    pool.policy.kind = AssignmentPolicy::Linucb;
    let profile = AgentProfile {
        capabilities: Vec::new(),
        capacity: 4,
        labels: Vec::new(),
        tier: Tier::Basic,
        weight: 1.0,
        resources: Resources { cpu_milli: 0, memory_mib: 0, gpu: 0 },
    };
    let agent = AgentBody {
        command: AgentCommand::Register,
        profile: Some(profile),
        load: None,
        leases: None,
    };
    let task = TaskBody {
        priority: Priority::High,
        capabilities: Vec::new(),
        features: vec![0.5; 4],
        complexity: 0.0,
        deadline_ms: None,
        timeout_ms: None,
        retry: None,
        needs: Resources { cpu_milli: 0, memory_mib: 0, gpu: 0 },
        payload: None,
    };
    let begun = [
        ("pool", TaskInput::Pool(Box::new(pool))),
        ("agent-1", TaskInput::Agent(agent)),
        ("task-1", TaskInput::Task(Box::new(task.clone()))),
        ("task-2", TaskInput::Task(Box::new(task))),
    ];
    take(&mut cycle, &store, &mut recording, &begun);
    let pool = cycle.state().pool("default", "work").expect("it was opened");
    let lease = pool.assignments("agent-1").next().expect("it has a task").attempt.lease;
    let result = TaskResultBody {
        agent: "agent-1".into(),
        lease,
        success: true,
        error: None,
        latency_ms: Some(2_000),
        cost: None,
        quality: Some(0.9),
        output: None,
    };
    let done = [("task-1", TaskInput::TaskResult(Box::new(result)))];
    take(&mut cycle, &store, &mut recording, &done);
    store.close(&mut []).expect("it stops cleanly");
}

fn take(
    cycle: &mut Cycle,
    store: &Store,
    recording: &mut impl Listener,
    inputs: &[(&str, TaskInput)],
) {
    let mut batch = Batch::default();
    for ((id, body), line) in inputs.iter().zip(1..) {
        let start = batch.bytes.len();
        let at_ms = Some(1_740_971_940_000);
        let envelope = Envelope { tenant: "default", user_id: "work", id, ts: 1, recv_ts: at_ms };
        envelope.put(&mut batch.bytes);
        body.put_payload(&mut batch.bytes);
        let (input, raw) = (start..batch.bytes.len(), Raw::Slice(start..start));
        batch.items.push(Item { line, schema: body.schema(), input, raw });
    }
    let mut actions = Vec::new();
    cycle.take(&batch, &mut actions);
    cycle.flush(&mut actions);
    let mut acks = Vec::new();
    for action in actions {
        let Action::Append(chunk) = action else { panic!("{action:?} comes before the chunk") };
        let append =
            Append { partition: PartitionId(0), expected_chunk: chunk.header().number, chunk };
        let (sender, receiver) = mpsc::channel();
        store.journal().submit(append, Box::new(move |done| drop(sender.send(done))));
        let mut more = Vec::new();
        cycle.appended(receiver.recv().expect("it is answered"), &mut more);
        acks.extend(more.into_iter().filter_map(|action| match action {
            Action::Acknowledge(ack) => Some(ack),
            _ => None,
        }));
    }
    assert_eq!(acks.iter().map(|ack| ack.counts.refused).sum::<u64>(), 0);
    recording.durable(&acks);
}
