//! Traces to a collector, by OTLP over HTTP.
//!
//! Spans wait in a bounded queue for a thread of their own; where the collector is slow or gone,
//! they are dropped. A request never waits for them.

use std::{
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use http::{HeaderMap, HeaderName};
use opentelemetry::{propagation::TextMapPropagator, trace::TracerProvider};
use opentelemetry_http::{Bytes, HeaderExtractor, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use ureq::Agent;

use super::logs::Boxed;
use crate::config::Traces;

/// What the service is called in traces.
const SERVICE: &str = "zeitgeber";
/// The header that names a trace.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Spans that may wait; further ones are dropped.
const QUEUE_SPANS: usize = 4_096;
/// How often what waits is sent.
const SEND_EVERY: Duration = Duration::from_secs(2);
/// How long the collector may take.
const COLLECTOR: Duration = Duration::from_secs(5);
/// How long a stop waits for the last spans.
const FAREWELL: Duration = Duration::from_secs(2);
/// Longest answer of the collector that is read, bytes.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Why traces cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The endpoint is none.
    #[error(
        "`traces.endpoint` cannot be used ({0}); write for example http://127.0.0.1:4318/v1/traces"
    )]
    Endpoint(#[from] ExporterBuildError),
}

/// Sends spans until it is dropped, and then, within a bound, what is left.
#[derive(Debug)]
pub(super) struct Sending(SdkTracerProvider);

impl Drop for Sending {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(FAREWELL) {
            tracing::debug!(%error, "the last traces were not sent");
        }
    }
}

/// The layer that hands spans over; none where no endpoint is configured.
pub(super) fn layer(settings: &Traces) -> Result<Option<(Sending, Boxed)>, TracesError> {
    if settings.endpoint.is_empty() {
        return Ok(None);
    }
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(Client::new())
        .with_endpoint(&settings.endpoint)
        .with_timeout(COLLECTOR)
        .build()?;
    let bounds = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE_SPANS)
        .with_scheduled_delay(SEND_EVERY)
        .build();
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(bounds).build();
    let ratio = Sampler::TraceIdRatioBased(settings.sample_ratio);
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name(SERVICE).build())
        .with_sampler(Sampler::ParentBased(Box::new(ratio)))
        .with_span_processor(processor)
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(SERVICE))
        .with_location(false)
        .with_threads(false);
    Ok(Some((Sending(provider), Box::new(layer))))
}

/// Lets a request's span go on with the trace that its client names (W3C Trace Context:
/// `traceparent`, `tracestate`). A client that has its trace sampled, or not, decides it for this
/// part of it as well.
pub(crate) fn follow(request: &Span, headers: &HeaderMap) {
    if !headers.contains_key(TRACEPARENT) {
        return;
    }
    let parent = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    // Where no spans are sent, nobody asks what they belong to.
    drop(request.set_parent(parent));
}

/// Posts to the collector, on the thread that sends.
#[derive(Debug)]
struct Client {
    agent: Agent,
    failing: AtomicBool,
}

impl Client {
    fn new() -> Self {
        let agent = Agent::config_builder()
            .timeout_global(Some(COLLECTOR))
            .http_status_as_error(false)
            .max_redirects(0)
            .build()
            .new_agent();
        Self { agent, failing: AtomicBool::new(false) }
    }

    fn post(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let answer = self.agent.run(Request::from_parts(head, &body[..]))?;
        let (head, mut body) = answer.into_parts();
        let body = body.with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
        Ok(Response::from_parts(head, body.into()))
    }

    /// Says once when sending begins to fail, and once when it works again.
    fn note(&self, sent: &Result<Response<Bytes>, HttpError>) {
        let fault = match sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answered {}", answer.status())),
            Err(error) => Some(error.to_string()),
        };
        let failed_before = self.failing.swap(fault.is_some(), Ordering::Relaxed);
        match fault {
            Some(why) if !failed_before => {
                tracing::warn!(why, "traces are lost: the collector does not take them");
            }
            None if failed_before => tracing::info!("the collector takes traces again"),
            _ => {}
        }
    }
}

/// Written out as the trait's macro would write it.
impl HttpClient for Client {
    fn send_bytes<'a, 'f>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        'a: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let sent = self.post(request);
            self.note(&sent);
            sent
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Read, Write},
        net::{SocketAddr, TcpListener},
        thread,
        time::Instant,
    };

    use http::HeaderValue;
    use tracing_subscriber::{EnvFilter, layer::SubscriberExt};

    use super::*;
    use crate::telemetry::access;

    /// A collector of one request on a loopback port: gives its head and its body.
    fn collector() -> (SocketAddr, thread::JoinHandle<(String, Vec<u8>)>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let address = listener.local_addr().expect("it is bound");
        let collected = thread::spawn(move || {
            let (stream, _) = listener.accept().expect("somebody connects");
            let mut reader = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert!(reader.read_line(&mut head).expect("a head") > 0, "cut: {head}");
            }
            let lower = head.to_ascii_lowercase();
            let length = lower.split("content-length:").nth(1).and_then(|rest| rest.lines().next());
            let length = length.and_then(|text| text.trim().parse().ok()).expect("a length");
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            reader.get_mut().write_all(answer).expect("the answer is taken");
            (lower, body)
        });
        (address, collected)
    }

    /// The length-delimited fields of a protobuf message with their numbers.
    fn fields(mut message: &[u8]) -> Vec<(u64, &[u8])> {
        fn varint(from: &mut &[u8]) -> u64 {
            let mut value = 0;
            for shift in (0..64).step_by(7) {
                let (byte, rest) = from.split_first().expect("a varint ends");
                *from = rest;
                value |= u64::from(byte & 0x7f) << shift;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            value
        }
        let mut found = Vec::new();
        while !message.is_empty() {
            let tag = varint(&mut message);
            let length = match tag & 7 {
                0 => {
                    varint(&mut message);
                    continue;
                }
                1 => 8,
                2 => varint(&mut message) as usize,
                5 => 4,
                other => panic!("no wire type {other} in OTLP"),
            };
            let (value, rest) = message.split_at(length);
            message = rest;
            if tag & 7 == 2 {
                found.push((tag >> 3, value));
            }
        }
        found
    }

    /// What stands below a path of field numbers.
    fn below<'a>(message: &'a [u8], path: &[u64]) -> Vec<&'a [u8]> {
        path.iter().fold(vec![message], |messages, number| {
            let parts = messages.into_iter().flat_map(fields);
            parts.filter(|(found, _)| found == number).map(|(_, value)| value).collect()
        })
    }

    fn trace(endpoint: String, requests: usize, traceparent: Option<&'static str>) -> Duration {
        let parent = traceparent.map(|parent| (TRACEPARENT, HeaderValue::from_static(parent)));
        let headers: HeaderMap = parent.into_iter().collect();
        let settings = Traces { endpoint, sample_ratio: 1.0 };
        let (sending, layer) = layer(&settings).expect("it is an endpoint").expect("it is given");
        let subscriber =
            tracing_subscriber::registry().with(EnvFilter::new("info")).with(vec![layer]);
        let begun = Instant::now();
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..requests {
                let span = access::request("r1", "POST", Some("/v1/readings"));
                follow(&span, &headers);
                span.in_scope(|| tracing::info_span!("commit").in_scope(|| {}));
                access::answered(&span, Some("/v1/readings"), 200, Duration::from_millis(1));
            }
        });
        let took = begun.elapsed();
        drop(sending);
        took
    }

    #[test]
    fn spans_of_a_request_reach_a_collector_under_the_name_of_the_service() {
        let (address, collected) = collector();
        trace(format!("http://{address}/v1/traces"), 1, None);
        let (head, body) = collected.join().expect("the collector got a request");
        assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
        assert!(head.contains("content-type: application/x-protobuf"), "{head}");
        // ExportTraceServiceRequest.resource_spans.resource.attributes
        let attributes = below(&body, &[1, 1, 1]);
        let is_name = |attribute: &&[u8]| below(attribute, &[1]) == [b"service.name".as_slice()];
        let name = attributes.iter().copied().find(|attribute| is_name(attribute));
        assert_eq!(below(name.expect("it has a name"), &[2, 1]), [SERVICE.as_bytes()]);
        // .resource_spans.scope_spans.spans.name
        let names = below(&body, &[1, 2, 2, 5]);
        assert_eq!(names, [b"commit".as_slice(), b"POST /v1/readings"]);
    }

    /// Trace id and parent of the request's span at a collector.
    fn ids(traceparent: &'static str) -> (Vec<u8>, Vec<u8>) {
        let (address, collected) = collector();
        trace(format!("http://{address}/v1/traces"), 1, Some(traceparent));
        let (_, body) = collected.join().expect("the collector got a request");
        let spans = below(&body, &[1, 2, 2]);
        let is_request = |span: &&[u8]| below(span, &[5]) == [b"POST /v1/readings".as_slice()];
        let span = spans.iter().copied().find(is_request).expect("the request has a span");
        let id = |number| below(span, &[number]).concat();
        (id(1), id(4))
    }

    #[test]
    fn a_request_goes_on_with_the_trace_that_its_client_names() {
        let named = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let (trace, parent) = ids(named);
        assert_eq!(crate::query::hex(&trace), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(crate::query::hex(&parent), "b7ad6b7169203331");
        let (trace, parent) = ids("00-00000000000000000000000000000000-b7ad6b7169203331-01");
        assert_ne!(trace, [0; 16], "what names no trace begins a new one");
        assert!(parent.iter().all(|byte| *byte == 0), "{parent:?}");
    }

    #[test]
    fn a_collector_that_is_gone_holds_nobody_up() {
        let gone = TcpListener::bind("127.0.0.1:0").and_then(|gone| gone.local_addr());
        let endpoint = format!("http://{}/v1/traces", gone.expect("a loopback port is free"));
        let begun = Instant::now();
        // More than the queue holds: what is beyond is dropped.
        let took = trace(endpoint, QUEUE_SPANS * 2, None);
        assert!(took < Duration::from_secs(2), "{took:?}");
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    }
}
