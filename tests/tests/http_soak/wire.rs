//! Just enough HTTP/1.1: requests as text, answers with a length or in chunks, events of a stream.

use std::io;

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// Bytes read at a time.
const READ_BYTES: usize = 2 << 10;

/// A connection.
pub(crate) struct Connection(BufReader<TcpStream>);

/// An event of a stream.
#[derive(Debug)]
pub(crate) struct StreamEvent {
    pub(crate) id: String,
    pub(crate) data: String,
}

fn broken(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

impl Connection {
    pub(crate) async fn open(address: std::net::SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::with_capacity(READ_BYTES, stream)))
    }

    /// Sends a request; gives the status and the length, where one is given.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> io::Result<(u16, Option<usize>)> {
        self.0.get_mut().write_all(request).await?;
        let status = self.line().await?;
        let status = status.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| broken("no status"))?;
        let mut length = None;
        loop {
            let line = self.line().await?.to_ascii_lowercase();
            if line.is_empty() {
                return Ok((status, length));
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok();
            }
        }
    }

    /// The rest of an answer of this length.
    pub(crate) async fn body(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await?;
        Ok(body)
    }

    /// The next chunk; empty at the end.
    pub(crate) async fn chunk(&mut self) -> io::Result<Vec<u8>> {
        let head = self.line().await?;
        let length = usize::from_str_radix(&head, 16).map_err(|_| broken(head))?;
        let mut chunk = self.body(length + 2).await?;
        chunk.truncate(length);
        Ok(chunk)
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

/// Takes the whole events off the front of a text.
pub(crate) fn events(text: &mut String) -> Vec<StreamEvent> {
    let Some(end) = text.rfind("\n\n") else {
        return Vec::new();
    };
    let rest = text.split_off(end + 2);
    let whole = std::mem::replace(text, rest);
    let event = |block: &str| {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
        let (id, data) = (field("id: ")?, field("data: ")?);
        Some(StreamEvent { id: id.into(), data: data.into() })
    };
    whole.split("\n\n").filter_map(event).collect()
}
