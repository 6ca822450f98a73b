//! Payloads of the log: inputs and events in the hand-written codec.

use std::sync::LazyLock;

use apache_avro::{Schema, reader::datum::GenericDatumReader};
use zeitgeber::record::Parsed;
use zeitgeber_schemas::{Event, SchemaId, catalogue};

use crate::{edits::edited, journal};

static SCHEMAS: LazyLock<Vec<(SchemaId, Schema)>> = LazyLock::new(|| {
    let payloads = catalogue::ALL.iter().filter_map(|text| {
        Some((text.id?, Schema::parse_str(text.json).expect("the schemas are sound")))
    });
    payloads.collect()
});

/// The first byte picks a schema, the second a payload of the golden log to begin with, or none.
pub(crate) fn payload(bytes: &[u8]) {
    let [which, base, rest @ ..] = bytes else { return };
    let samples = journal::payloads();
    let (schema, payload) = match samples.get(usize::from(*base) % (samples.len() + 1)) {
        Some((schema, sample)) => (*schema, edited(sample, rest)),
        None => (SCHEMAS[usize::from(*which) % SCHEMAS.len()].0, rest.to_vec()),
    };
    let _ = Parsed::from_payload(schema, &payload);
    let Ok(event) = Event::from_payload(schema, &payload) else { return };
    // What is read writes itself the same way ever after, and `apache-avro` reads it, too.
    let mut written = Vec::new();
    event.put_payload(&mut written);
    let again = Event::from_payload(schema, &written).expect("it reads what it wrote");
    let mut twice = Vec::new();
    again.put_payload(&mut twice);
    assert_eq!(written, twice);
    let known = SCHEMAS.iter().find(|(known, _)| *known == schema);
    let (_, avro) = known.expect("every payload has a schema");
    let reader = GenericDatumReader::builder(avro).build().expect("the schema is sound");
    let mut left = written.as_slice();
    reader.read_value(&mut left).expect("apache-avro reads it");
    assert!(left.is_empty(), "{schema:?}: {} bytes are left", left.len());
}
