//! The log, on standard error: sentences for people, or one JSON object a line for programs.
//!
//! Every event has a name that does not change (`docs/reference/events.md`); its fields stand in the JSON alone, since the
//! sentence says them in words.

use std::fmt;
use std::io::{self, IsTerminal};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::screen::AboveBar;

/// The field that holds the sentence.
const MESSAGE: &str = "message";

/// Starts the log. `GRISTMILL_LOG=debug` logs more; `GRISTMILL_LOG_FORMAT=json` logs objects.
pub(crate) fn start(quiet: bool) {
    let default = if quiet { "error" } else { "info" };
    let filter = EnvFilter::try_from_env("GRISTMILL_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(AboveBar);
    match std::env::var("GRISTMILL_LOG_FORMAT").as_deref() {
        Ok("json") => log.event_format(Objects).init(),
        _ => {
            let sentence = debug_fn(|to, field, value| match field.name() {
                MESSAGE => write!(to, "{value:?}"),
                _ => Ok(()),
            });
            log.with_target(false).with_ansi(io::stderr().is_terminal()).fmt_fields(sentence).init();
        }
    }
}

/// Writes each event as a JSON object: `time`, `level`, `event` (its name), its fields, `message`.
struct Objects;

impl<S, N> FormatEvent<S, N> for Objects
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let about = event.metadata();
        let mut fields = Fields(Map::new());
        fields.0.insert("time".into(), time.into());
        fields.0.insert("level".into(), about.level().as_str().into());
        // An event without a name is called after its place in the source.
        if !about.name().starts_with("event ") {
            fields.0.insert("event".into(), about.name().into());
        }
        event.record(&mut fields);
        writeln!(to, "{}", Value::Object(fields.0))
    }
}

/// The fields of an event.
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().into(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().into(), value.into());
    }
}
