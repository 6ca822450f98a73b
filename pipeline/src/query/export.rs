//! The log in standard formats: Avro object containers with the catalogue's own schemas.

use std::{io::Write, ops::ControlFlow};

use apache_avro::{Schema, Writer, reader::datum::GenericDatumReader, types::Value};
use zeitgeber_schemas::{SchemaId, catalogue};

use super::{QueryError, Visit, Walk};

/// The schemas of events, in order.
pub fn event_types() -> impl Iterator<Item = SchemaId> {
    SchemaId::ALL.iter().copied().filter(|schema| !schema.is_input())
}

/// The schemas of one container: payloads of one type, wrapped with where and whose they are.
#[derive(Debug)]
pub struct AvroExport {
    schema: SchemaId,
    payload: Schema,
    row: Schema,
}

/// Writes one object container of everything the walk meets, or of one person's (person key);
/// tells how many rows it has.
pub fn export_avro(
    walk: &mut Walk,
    export: &AvroExport,
    user: Option<&str>,
    out: impl Write,
) -> Result<u64, QueryError> {
    let mut writer = Writer::new(&export.row, out)?;
    let mut rows = 0;
    walk.run(|met| {
        if user.is_none_or(|user| met.concerns(user)) {
            rows += export.append(met, &mut writer)?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    writer.flush()?;
    Ok(rows)
}

impl AvroExport {
    /// An export of the payloads of one schema: of an event, or of an input's body.
    pub fn new(schema: SchemaId) -> Result<Self, QueryError> {
        let payload = catalogue::for_payload(schema);
        let field = |name: &str, kind: &str, doc: &str| {
            format!(r#"{{"name":"{name}","type":{kind},"doc":"{doc}"}}"#)
        };
        let optional = r#"["null","string"]"#;
        let fields = [
            field("partition", r#""int""#, "Partition of the log."),
            field("position", r#""long""#, "Number of the event within the partition, from 0."),
            field("tenant", r#""string""#, "The tenant."),
            field("user_id", optional, "The person within the tenant, where known."),
            field("input_id", r#""string""#, "Id of the input that caused the event."),
            field("ts", r#""long""#, "Event time of the input, ms UTC."),
            field("recv_ts", r#"["null","long"]"#, "Arrival time of the input, ms UTC."),
            field("payload", payload, "The stored payload."),
        ];
        let row = format!(
            r#"{{"type":"record","name":"Exported","namespace":"zeitgeber.export","fields":[{}]}}"#,
            fields.join(",")
        );
        Ok(Self { schema, payload: Schema::parse_str(payload)?, row: Schema::parse_str(&row)? })
    }

    /// Appends what an entry holds of the schema, in clear; tells how much.
    fn append<W: Write>(
        &self,
        met: &Visit<'_>,
        writer: &mut Writer<'_, W>,
    ) -> Result<u64, QueryError> {
        let entry = met.entry;
        let input = (entry.schema == self.schema && entry.seal == 0).then_some((0, entry.payload));
        let events = (0..)
            .zip(entry.events.clone())
            .filter(|(_, event)| event.schema == self.schema && event.seal == 0)
            .map(|(index, event)| (index, event.payload));
        let mut count = 0;
        for (index, payload) in input.into_iter().chain(events) {
            writer.append_value(self.row_value(met, index, payload)?)?;
            count += 1;
        }
        Ok(count)
    }

    fn row_value(
        &self,
        met: &Visit<'_>,
        index: u64,
        mut payload: &[u8],
    ) -> Result<Value, QueryError> {
        let position = met.position(index);
        let optional = |value: Option<Value>| match value {
            None => Value::Union(0, Box::new(Value::Null)),
            Some(value) => Value::Union(1, Box::new(value)),
        };
        let fields = [
            ("partition", Value::Int(i32::from(position.partition.0))),
            ("position", Value::Long(i64::try_from(position.n).unwrap_or(i64::MAX))),
            ("tenant", Value::String(met.entry.tenant.into())),
            ("user_id", optional(met.user_id().map(Value::String))),
            ("input_id", Value::String(met.entry.id.into())),
            ("ts", Value::Long(met.entry.ts)),
            ("recv_ts", optional(met.entry.recv_ts.map(Value::Long))),
            (
                "payload",
                GenericDatumReader::builder(&self.payload).build()?.read_value(&mut payload)?,
            ),
        ];
        Ok(Value::Record(fields.map(|(name, value)| (name.into(), value)).into()))
    }
}
