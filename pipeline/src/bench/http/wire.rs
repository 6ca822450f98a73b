//! The loader's side of HTTP: one kept-alive connection a client, and a stream's reader.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time};

/// Longest time one request may take; beyond it the figures would mean nothing.
const REQUEST_TIME_OUT: Duration = Duration::from_secs(60);

/// One client's connection.
pub(super) struct Connection {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        // Its errors reach the sender, too.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { address, sender })
    }

    /// Posts a body, and gives the whole answer where its status is 200.
    pub(super) async fn post(
        &mut self,
        path: &str,
        content_type: &'static str,
        body: Bytes,
    ) -> io::Result<Bytes> {
        let request = Request::post(path)
            .header(header::HOST, self.address.to_string())
            .header(header::CONTENT_TYPE, content_type)
            .body(Full::new(body))
            .map_err(io::Error::other)?;
        self.answer(request).await
    }

    pub(super) async fn put(&mut self, path: &str, body: Bytes) -> io::Result<Bytes> {
        let request = Request::put(path)
            .header(header::HOST, self.address.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(io::Error::other)?;
        self.answer(request).await
    }

    pub(super) async fn get(&mut self, path: &str) -> io::Result<Bytes> {
        let request = Request::get(path)
            .header(header::HOST, self.address.to_string())
            .body(Full::default())
            .map_err(io::Error::other)?;
        self.answer(request).await
    }

    async fn answer(&mut self, request: Request<Full<Bytes>>) -> io::Result<Bytes> {
        let path = request.uri().to_string();
        let whole = async {
            self.sender.ready().await.map_err(io::Error::other)?;
            let answer = self.sender.send_request(request).await.map_err(io::Error::other)?;
            let status = answer.status();
            let body = answer.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
            Ok::<_, io::Error>((status, body))
        };
        let (status, body) = time::timeout(REQUEST_TIME_OUT, whole).await??;
        if status.is_success() {
            return Ok(body);
        }
        let text = String::from_utf8_lossy(&body);
        Err(io::Error::other(format!("{path} was answered with {status}: {text}")))
    }
}

/// A subscriber of a stream.
pub(super) struct Stream {
    body: Incoming,
    text: Vec<u8>,
}

impl Stream {
    pub(super) async fn open(address: SocketAddr, path: &str) -> io::Result<Self> {
        let mut connection = Connection::open(address).await?;
        let request = Request::get(path)
            .header(header::HOST, address.to_string())
            .header(header::ACCEPT, "text/event-stream")
            .body(Full::default())
            .map_err(io::Error::other)?;
        let sent = connection.sender.send_request(request);
        let answer = time::timeout(REQUEST_TIME_OUT, sent).await?.map_err(io::Error::other)?;
        if !answer.status().is_success() {
            return Err(io::Error::other(format!("{path} was answered with {}", answer.status())));
        }
        Ok(Self { body: answer.into_body(), text: Vec::new() })
    }

    /// The data lines that came next, and when.
    pub(super) async fn next(&mut self) -> io::Result<Option<(Vec<Vec<u8>>, Instant)>> {
        let Some(frame) = self.body.frame().await else { return Ok(None) };
        let came = Instant::now();
        let frame = frame.map_err(io::Error::other)?;
        if let Some(data) = frame.data_ref() {
            self.text.extend_from_slice(data);
        }
        let whole = self.text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let rest = self.text.split_off(whole);
        let lines = std::mem::replace(&mut self.text, rest);
        let data =
            lines.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data:"));
        Ok(Some((data.map(<[u8]>::to_vec).collect(), came)))
    }
}
