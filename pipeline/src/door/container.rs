//! Avro object container files, block by block.
//!
//! `apache-avro` has a reader of its own; it stops for good at the first record that it cannot
//! read, hides where a block began, and asks for as much memory as a block claims. A door needs
//! the opposite of each, and the container is a page of the Avro specification (1.12, "Object
//! Container Files"): magic, metadata, sync marker, then blocks of count, size, bytes, marker.

use std::io::{self, BufReader, ErrorKind, Read};

use zeitgeber_schemas::wire::get_long;

/// What every container begins with.
pub(super) const MAGIC: [u8; 4] = *b"Obj\x01";
/// Largest block, packed or not, bytes.
pub(super) const BLOCK_BYTES_MAX: u64 = 64 << 20;
/// Largest key or value of the metadata, bytes.
const METADATA_BYTES_MAX: u64 = 1 << 20;
/// Most metadata entries.
const METADATA_ENTRIES_MAX: usize = 1_000;
/// Longest variable-length integer, bytes.
const VARINT_BYTES_MAX: usize = 10;

/// How blocks are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Null,
    Deflate,
    Zstandard,
}

/// A container past its header.
#[derive(Debug)]
pub(super) struct Container<R> {
    input: BufReader<R>,
    codec: Codec,
    sync: [u8; 16],
    packed: Vec<u8>,
    unpacked: Vec<u8>,
    /// The writer's schema, JSON.
    pub(super) schema: String,
}

impl<R: Read> Container<R> {
    /// Reads the header.
    pub(super) fn open(input: R) -> io::Result<Self> {
        let mut input = BufReader::new(input);
        let mut magic = [0; 4];
        input.read_exact(&mut magic)?;
        if magic != MAGIC {
            return Err(invalid("not an Avro container"));
        }
        let (mut schema, mut codec) = (None, Codec::Null);
        for (key, value) in metadata(&mut input)? {
            match key.as_str() {
                "avro.schema" => schema = String::from_utf8(value).ok(),
                "avro.codec" => codec = codec_named(&value)?,
                _ => {}
            }
        }
        let schema = schema.ok_or_else(|| invalid("the container names no schema"))?;
        let mut sync = [0; 16];
        input.read_exact(&mut sync)?;
        Ok(Self { input, codec, sync, packed: Vec::new(), unpacked: Vec::new(), schema })
    }

    /// Reads the next block: how many records it has. None after the last.
    pub(super) fn advance(&mut self) -> io::Result<Option<u64>> {
        let Some(count) = long(&mut self.input)? else {
            return Ok(None);
        };
        let size = long(&mut self.input)?.ok_or(ErrorKind::UnexpectedEof)?;
        let count = u64::try_from(count).map_err(|_| invalid("a block of a negative count"))?;
        exact(&mut self.input, size, BLOCK_BYTES_MAX, &mut self.packed)?;
        let mut sync = [0; 16];
        self.input.read_exact(&mut sync)?;
        if sync != self.sync {
            return Err(invalid("a block does not end in the file's sync marker"));
        }
        self.unpacked.clear();
        match self.codec {
            Codec::Null => std::mem::swap(&mut self.packed, &mut self.unpacked),
            Codec::Deflate => {
                unpack(flate2::read::DeflateDecoder::new(&self.packed[..]), &mut self.unpacked)?;
            }
            Codec::Zstandard => {
                unpack(zstd::Decoder::with_buffer(&self.packed[..])?, &mut self.unpacked)?;
            }
        }
        Ok(Some(count))
    }

    /// The bytes of the block read last.
    pub(super) fn block(&self) -> &[u8] {
        &self.unpacked
    }
}

fn unpack(packed: impl Read, out: &mut Vec<u8>) -> io::Result<()> {
    let length = packed.take(BLOCK_BYTES_MAX + 1).read_to_end(out)?;
    if length as u64 > BLOCK_BYTES_MAX { Err(too_large("an unpacked block")) } else { Ok(()) }
}

fn metadata(input: &mut impl Read) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut entries = Vec::new();
    loop {
        let count = long(input)?.ok_or(ErrorKind::UnexpectedEof)?;
        if count == 0 {
            return Ok(entries);
        }
        if count < 0 {
            long(input)?;
        }
        for _ in 0..count.unsigned_abs() {
            if entries.len() == METADATA_ENTRIES_MAX {
                return Err(too_large("the metadata"));
            }
            let key = String::from_utf8(sized(input)?).map_err(invalid)?;
            entries.push((key, sized(input)?));
        }
    }
}

/// Takes a length and as many bytes.
fn sized(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let size = long(input)?.ok_or(ErrorKind::UnexpectedEof)?;
    let mut bytes = Vec::new();
    exact(input, size, METADATA_BYTES_MAX, &mut bytes)?;
    Ok(bytes)
}

fn codec_named(name: &[u8]) -> io::Result<Codec> {
    match name {
        b"null" => Ok(Codec::Null),
        b"deflate" => Ok(Codec::Deflate),
        b"zstandard" => Ok(Codec::Zstandard),
        other => {
            let other = String::from_utf8_lossy(&other[..other.len().min(32)]);
            Err(invalid(format!("codec {other:?}; known: null, deflate, zstandard")))
        }
    }
}

/// Takes one integer; none at the very end of the file.
fn long(input: &mut impl Read) -> io::Result<Option<i64>> {
    let mut bytes = [0; VARINT_BYTES_MAX];
    for length in 0..VARINT_BYTES_MAX {
        match input.read_exact(&mut bytes[length..=length]) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof && length == 0 => {
                return Ok(None);
            }
            read => read?,
        }
        if bytes[length] < 0x80 {
            break;
        }
    }
    get_long(&mut &bytes[..]).map(Some).map_err(invalid)
}

/// Takes exactly `size` bytes, without asking for more memory than really comes.
fn exact(input: &mut impl Read, size: i64, most: u64, out: &mut Vec<u8>) -> io::Result<()> {
    let size = u64::try_from(size).map_err(|_| invalid("a negative size"))?;
    if size > most {
        return Err(too_large("a block"));
    }
    out.clear();
    let came = input.take(size).read_to_end(out)?;
    if (came as u64) < size { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

fn too_large(what: &str) -> io::Error {
    invalid(format!("{what} is larger than allowed ({} MiB a block)", BLOCK_BYTES_MAX >> 20))
}

pub(super) fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}
