//! Log lines: one JSON object each, on standard output, with the `timestamp` and `level` by which
//! Lambda recognises them as such.
//!
//! Written here and not by `tracing-subscriber`'s own JSON, because that leaves out what an error
//! was caused by. What libraries say below WARN is dropped whatever the level: at TRACE they print
//! whole requests, and those hold bodies and credentials.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Debug;
use std::io::Write as _;
use std::iter::successors;
use std::panic::PanicHookInfo;

use postback_engine::ports::Clock;
use postback_engine::ports::clock::SystemClock;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::{Event, Span, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How the targets of our own lines begin.
const OURS: &str = "postback";

/// Where Lambda says which lines it wants, then where people do.
const LEVEL_VARIABLES: [&str; 2] = ["AWS_LAMBDA_LOG_LEVEL", "RUST_LOG"];

/// Starts logging, once per process, at the level that the environment names, else INFO. A panic
/// becomes a log line too.
pub fn start() {
    let level = LEVEL_VARIABLES.iter().find_map(|name| level(&std::env::var(name).ok()?));
    let targets = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target(OURS, level.unwrap_or(LevelFilter::INFO));
    tracing_subscriber::registry().with(Lines { write: print_line }.with_filter(targets)).init();
    std::panic::set_hook(Box::new(report_panic));
}

/// The span of one invocation, by the id under which Lambda's own lines speak of it.
pub fn invocation(request_id: &str) -> Span {
    tracing::info_span!(target: OURS, "invocation", aws.request_id = request_id)
}

/// Lambda's levels are those of `tracing`, and FATAL.
fn level(text: &str) -> Option<LevelFilter> {
    if text.eq_ignore_ascii_case("fatal") {
        return Some(LevelFilter::ERROR);
    }
    text.parse().ok()
}

/// Writes a line to the log as it is, for lines that are more than log lines.
pub fn print_line(mut line: String) {
    line.push('\n');
    // In one write: another thread's line must not end up inside this one. If the log cannot be
    // written, nobody is left to be told so.
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}

/// A message that was put together may quote what it was put together from, and that may be a
/// body; so only fixed texts are shown.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let text = panic.payload().downcast_ref::<&'static str>().unwrap_or(&"see the place");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "panicked: {text}");
}

/// An error with everything that caused it, as it should be logged.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Makes a line of each event, with the fields of the spans around it.
struct Lines<W> {
    write: W,
}

/// The fields of a span, kept until its end.
struct SpanFields(Fields);

#[derive(Default)]
struct Fields(BTreeMap<&'static str, Value>);

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(String) + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(SpanFields(fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(SpanFields(outer)) = span.extensions().get() {
                fields.0.extend(outer.0.iter().map(|(name, value)| (*name, value.clone())));
            }
        }
        // Last, so that the event's own fields win.
        event.record(&mut fields);
        let mut line = Map::new();
        line.insert("timestamp".to_owned(), SystemClock.now().to_string().into());
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        line.insert("target".to_owned(), event.metadata().target().into());
        line.extend(fields.0.into_iter().map(|(name, value)| (name.to_owned(), value)));
        (self.write)(Value::Object(line).to_string());
    }
}

impl Fields {
    fn set(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name(), value.into());
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.set(field, chain(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use postback_engine::ports::Unavailable;

    use super::*;

    /// The lines that `log` writes.
    fn lines(log: impl FnOnce()) -> Vec<Value> {
        let written = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&written);
        let write = move |line: String| sink.lock().unwrap().push(line);
        let subscriber = tracing_subscriber::registry().with(Lines { write });
        tracing::subscriber::with_default(subscriber, log);
        let written = written.lock().unwrap();
        assert!(written.iter().all(|line| !line.contains('\n')), "{written:?}");
        written.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_reads_alone() {
        let logged = lines(|| {
            let outer = tracing::info_span!("invocation", aws.request_id = "r-1", number = 1);
            let _outer = outer.enter();
            let inner = tracing::info_span!("record", number = 2);
            let _inner = inner.enter();
            tracing::warn!(delivery.id = %"dlv_1", late = true, "{} \"messages\"\n", 3);
        });
        let [line] = logged.try_into().unwrap();
        let time = line["timestamp"].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["target"], "postback_aws::logging::tests");
        assert_eq!(line["message"], "3 \"messages\"\n");
        assert_eq!(line["delivery.id"], "dlv_1");
        assert_eq!(line["late"], true);
        assert_eq!(line["aws.request_id"], "r-1");
        assert_eq!(line["number"], 2, "the innermost span is nearest: {line}");
    }

    #[test]
    fn an_error_is_logged_with_its_causes() {
        let error = Unavailable::new("queue", Unavailable::new("network", "no route"));
        let logged = lines(|| tracing::error!(error = &error as &dyn Error, "not sent"));
        assert_eq!(logged[0]["error"], "queue is unavailable: network is unavailable: no route");
    }

    #[test]
    fn levels_are_those_of_lambda() {
        for (text, expected) in [
            ("FATAL", Some(LevelFilter::ERROR)),
            ("ERROR", Some(LevelFilter::ERROR)),
            ("WARN", Some(LevelFilter::WARN)),
            ("INFO", Some(LevelFilter::INFO)),
            ("debug", Some(LevelFilter::DEBUG)),
            ("TRACE", Some(LevelFilter::TRACE)),
            ("postback=debug", None),
        ] {
            assert_eq!(level(text), expected, "{text}");
        }
    }
}
