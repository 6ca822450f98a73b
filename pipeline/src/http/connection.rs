//! One connection: HTTP/1.1 or HTTP/2 over a guarded stream, and its end.
//!
//! A sender that takes too long for a head, a reader that takes nothing, and a connection without
//! a request are each cut off; a stop lets the request under way end first.

use std::{
    io,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, response::Response};
use http_body_util::BodyExt;
use hyper::{
    body::{Body as _, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep, sleep, timeout},
};
use tower::ServiceExt;

use super::App;
use crate::{
    config::Service,
    stream::{Ended, Watch},
};

/// Largest head of a request, bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Requests of one HTTP/2 connection under way together.
const STREAMS_MAX: u32 = 256;
/// How often a quiet HTTP/2 connection is asked whether it lives.
const PING_EVERY: Duration = Duration::from_secs(20);
/// How often it is looked whether a connection is idle, or a stream of it was cut off.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a connection that was told to end may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// Serves one connection until it ends.
pub(super) async fn serve<S>(stream: S, app: App, router: Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let settings = app.service();
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Service::seconds(settings.header_s))
        .max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_EVERY);
    let traffic = Arc::new(Traffic::default());
    let guards = Arc::clone(&traffic);
    let service = service_fn(move |request: Request<Incoming>| {
        let guard = UnderWay::begin(&guards);
        let answer = router.clone().oneshot(request.map(Body::new));
        async move { answer.await.map(|response| guarded(response, guard)) }
    });
    let mut connection =
        pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    tokio::select! {
        // What broke a connection is its client's to know.
        ended = connection.as_mut() => return drop(ended),
        () = app.stopping() => connection.as_mut().graceful_shutdown(),
        () = traffic.cut_off() => return,
        () = traffic.idle(Service::seconds(settings.idle_s)) => {
            connection.as_mut().graceful_shutdown();
            drop(timeout(FAREWELL, connection).await);
            return;
        }
    }
    // The stop is bounded by whoever stops.
    drop(connection.await);
}

/// What goes on in a connection.
#[derive(Debug, Default)]
struct Traffic {
    under_way: AtomicUsize,
    streams: Mutex<Vec<Watch>>,
}

impl Traffic {
    /// Comes back once no request has been under way for `bound`.
    async fn idle(&self, bound: Duration) {
        let mut since = Instant::now();
        while since.elapsed() < bound {
            sleep(LOOK_EVERY.min(bound)).await;
            if self.under_way.load(Ordering::Relaxed) > 0 {
                since = Instant::now();
            }
        }
    }

    /// Comes back once one of its streams was cut off because the client takes nothing of it. The
    /// connection must go with it: over HTTP/2 one stream can stand still on a connection that is
    /// otherwise alive, and nothing but the end of the connection reaches its body.
    async fn cut_off(&self) {
        while !self.any_cut_off() {
            sleep(LOOK_EVERY).await;
        }
    }

    fn any_cut_off(&self) -> bool {
        let mut streams = self.streams();
        let cut_off = streams.iter().any(|stream| stream.ended() == Some(Ended::Slow));
        streams.retain(|stream| stream.ended() != Some(Ended::Dropped));
        cut_off
    }

    fn streams(&self) -> MutexGuard<'_, Vec<Watch>> {
        self.streams.lock().expect("nothing panics while they are held")
    }
}

/// A request under way, until its answer's last byte is taken.
struct UnderWay(Arc<Traffic>);

impl UnderWay {
    fn begin(traffic: &Arc<Traffic>) -> Self {
        traffic.under_way.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(traffic))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The answer, whose body keeps its request under way.
fn guarded(mut response: Response, guard: UnderWay) -> Response {
    guard.0.streams().extend(response.extensions_mut().remove::<Watch>());
    response.map(|body| {
        if body.is_end_stream() {
            return body;
        }
        Body::new(body.map_frame(move |frame| {
            let _under_way = &guard;
            frame
        }))
    })
}

/// A stream whose peer must take what is written, and whose place among the connections is held
/// until it is closed.
pub(super) struct Held<S> {
    stream: S,
    bound: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    _permit: OwnedSemaphorePermit,
}

impl<S> Held<S> {
    pub(super) fn new(stream: S, bound: Duration, permit: OwnedSemaphorePermit) -> Self {
        Self { stream, bound, stalled: None, _permit: permit }
    }

    /// Passes on what a write came to; where it waits for longer than the bound, it failed.
    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        came: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if came.is_ready() {
            self.stalled = None;
            return came;
        }
        let bound = self.bound;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(bound)));
        ready!(stalled.as_mut().poll(cx));
        let message = "the client takes nothing of its answer";
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, message)))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Held<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Held<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let came = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, came)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let came = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.written(cx, came)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let came = Pin::new(&mut self.stream).poll_flush(cx);
        self.written(cx, came)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let came = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.written(cx, came)
    }
}
