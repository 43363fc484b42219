//! The shape of a line, which a reload may change.

use super::Format;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{self, Full, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes lines in the format that is in force. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    text: format::Format<Full>,
    json: format::Format<Json>,
    as_json: Arc<AtomicBool>,
}

impl Lines {
    pub(super) fn new(wanted: Format) -> Self {
        let json = format::format().json();
        let lines = Self {
            text: format::format(),
            json: json
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false),
            as_json: Arc::default(),
        };
        lines.change(wanted);
        lines
    }

    /// From the next line on.
    pub(super) fn change(&self, wanted: Format) {
        let as_json = match wanted {
            Format::Json => true,
            Format::Text => false,
        };
        self.as_json.store(as_json, Ordering::Relaxed);
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if self.as_json.load(Ordering::Relaxed) {
            self.json.format_event(context, writer, event)
        } else {
            self.text.format_event(context, writer, event)
        }
    }
}
