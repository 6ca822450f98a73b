//! Log lines on standard error: for people on a terminal, JSON otherwise; and panics among them.

use std::{
    any::Any,
    io::{self, IsTerminal},
    panic::PanicHookInfo,
};

use metrics::Counter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer, Registry as Spans,
    fmt::{self, MakeWriter},
    layer::{Context, Layered, SubscriberExt},
    util::SubscriberInitExt,
};

use super::{
    Registry,
    catalogue::{LEVELS, LOG_LINES},
    traces::{self, Sending, TracesError},
};
use crate::config::{LogFormat, Logs, Traces};

/// The variable that overrides the filter, as everywhere in Rust.
const FILTER_VARIABLE: &str = "RUST_LOG";

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The filter is none.
    #[error("{origin} is no filter of log lines ({source}); write for example \"info\"")]
    Filter {
        /// Where it stands.
        origin: &'static str,
        /// What is wrong.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Traces.
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// It was set up before.
    #[error("logging is set up already")]
    Already,
}

/// Sends what is left of traces when it is dropped.
#[derive(Debug)]
#[must_use = "traces end when this is dropped"]
pub struct Guard(#[expect(dead_code, reason = "held for its drop")] Option<Sending>);

/// Sets up logs, their count, panics and traces for the whole process.
pub fn init(logs: &Logs, traces: &Traces) -> Result<Guard, InitError> {
    let given = std::env::var(FILTER_VARIABLE).ok().filter(|filter| !filter.is_empty());
    let (filter, origin) = match &given {
        Some(filter) => (filter.as_str(), "the variable RUST_LOG"),
        None => (logs.filter.as_str(), "`logs.filter`"),
    };
    let filter =
        EnvFilter::try_new(filter).map_err(|source| InitError::Filter { origin, source })?;
    let terminal = io::stderr().is_terminal();
    let human = match logs.format {
        LogFormat::Auto => terminal,
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let look = match (human, terminal && std::env::var_os("NO_COLOR").is_none()) {
        (true, true) => Look::Colours,
        (true, false) => Look::Plain,
        (false, _) => Look::Json,
    };
    let (sending, sender) = traces::layer(traces)?.unzip();
    let registry = super::metrics().registry();
    subscriber(filter, look, io::stderr, registry, sender)
        .try_init()
        .map_err(|_| InitError::Already)?;
    log_panics();
    Ok(Guard(sending))
}

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// For people, with colours.
    Colours,
    /// For people.
    Plain,
    /// One JSON object a line.
    Json,
}

/// What layers stand on.
pub(super) type Base = Layered<EnvFilter, Spans>;
/// A layer on it.
pub(super) type Boxed = Box<dyn Layer<Base> + Send + Sync>;

/// What takes in spans and lines: writes them, counts them in `registry`, and hands them to `more`.
pub fn subscriber<W>(
    filter: EnvFilter,
    look: Look,
    writer: W,
    registry: &Registry,
    more: Option<Box<dyn Layer<Layered<EnvFilter, Spans>> + Send + Sync>>,
) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines: Boxed = match look {
        Look::Json => {
            let layer = fmt::layer().json().flatten_event(true).with_span_list(false);
            Box::new(layer.with_current_span(true).with_writer(writer))
        }
        Look::Colours => Box::new(human(writer).with_ansi(true)),
        Look::Plain => Box::new(human(writer).with_ansi(false)),
    };
    let mut layers = vec![lines, Box::new(Count::new(registry)) as Boxed];
    layers.extend(more);
    tracing_subscriber::registry().with(filter).with(layers)
}

fn human<W>(writer: W) -> fmt::Layer<Base, fmt::format::DefaultFields, fmt::format::Format, W>
where
    W: for<'a> MakeWriter<'a> + 'static,
{
    fmt::layer().with_writer(writer).with_target(false)
}

/// Counts lines by level.
struct Count([Counter; LEVELS.len()]);

impl Count {
    fn new(registry: &Registry) -> Self {
        Self(std::array::from_fn(|i| registry.counter(&LOG_LINES, &[LEVELS[i]])))
    }
}

impl<S: Subscriber> Layer<S> for Count {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let index = match *event.metadata().level() {
            Level::ERROR => 0,
            Level::WARN => 1,
            Level::INFO => 2,
            Level::DEBUG => 3,
            Level::TRACE => 4,
        };
        self.0[index].increment(1);
    }
}

/// Logs panics. What a panic says is written only where it is part of the program's text: anything
/// formatted may hold what a person sent.
fn log_panics() {
    std::panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
        tracing::error!(location, thread, reason = reason(info.payload()), "panicked");
    }));
}

fn reason(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("withheld: it may hold what was sent")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_panic_formatted_is_withheld() {
        let formatted: Box<dyn Any + Send> = Box::new(format!("no such person: {}", "ann"));
        assert!(!reason(&*formatted).contains("ann"));
        let fixed: Box<dyn Any + Send> = Box::new("the program is wrong");
        assert_eq!(reason(&*fixed), "the program is wrong");
    }
}
