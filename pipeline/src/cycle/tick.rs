//! Ticks: the time as an input, for pools and people in whom it would change something.
//!
//! The instant comes from outside; whom it concerns is read off the state. A tick is decided and
//! stored like every other input, so a replay sees the same one. Only where something is due is
//! there a tick at all.

use zeitgeber_schemas::{Envelope, PersonTickBody, SchemaId, TaskInput, TickBody, wire::Wire};

use super::{Action, Batch, Cycle, Item, Raw};

/// People who get a tick at a time: everybody's hour ends at the same minute, and readings are to
/// be taken in between. The others stay due.
const PEOPLE_PER_TICK: usize = 64;

impl Cycle {
    /// Lets the clocks of pools and people reach an instant, where something is due by then.
    pub fn tick(&mut self, now_ms: i64, actions: &mut Vec<Action>) {
        let mut batch = Batch::default();
        for pool in self.held.state().pools_due(now_ms) {
            let body = TaskInput::Tick(TickBody { at_ms: now_ms });
            put(&mut batch, &pool.tenant, &pool.name, now_ms, body.schema(), |bytes| {
                body.put_payload(bytes);
            });
        }
        let due: Vec<u64> = self.held.state().people_due(now_ms).take(PEOPLE_PER_TICK).collect();
        for subject in due {
            // Where even the log does not give somebody back, their next input finds it out and tells.
            let Ok(Some(person)) = self.held.person_or_rebuild(subject) else { continue };
            let body = PersonTickBody { at_ms: now_ms };
            put(
                &mut batch,
                &person.tenant,
                &person.user_id,
                now_ms,
                SchemaId::PersonTick,
                |bytes| {
                    body.put(bytes);
                },
            );
        }
        if !batch.items.is_empty() {
            self.take(&batch, actions);
        }
    }
}

fn put(
    batch: &mut Batch,
    tenant: &str,
    user_id: &str,
    at_ms: i64,
    schema: SchemaId,
    body: impl FnOnce(&mut Vec<u8>),
) {
    let start = batch.bytes.len();
    let envelope = Envelope { tenant, user_id, id: "tick", ts: at_ms, recv_ts: Some(at_ms) };
    envelope.put(&mut batch.bytes);
    body(&mut batch.bytes);
    let input = start..batch.bytes.len();
    batch.items.push(Item { line: 0, schema, raw: Raw::Slice(input.clone()), input });
}
