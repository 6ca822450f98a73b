//! Traces to a collector, by OTLP over HTTP.
//!
//! Spans wait in a bounded queue for a thread of their own; where the collector is slow or gone,
//! they are dropped. A request never waits for them.

use std::{
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider},
};
use ureq::Agent;

use super::logs::Boxed;
use crate::config::Traces;

/// What the service is called in traces.
const SERVICE: &str = "zeitgeber";
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
pub struct Sending(SdkTracerProvider);

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
