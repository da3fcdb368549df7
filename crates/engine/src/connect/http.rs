//! Web servers.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Format, HTTP, System, TargetKind, TargetPlan, TargetSpec};
use crate::document::{Mistakes, Path, path};
use crate::spec::{Entries, Span};

/// A web server that is told of decisions: `POST`, the decision as JSON.
///
/// Each request carries an `Idempotency-Key` made of the record's place, the same whenever it is sent again: a server that
/// knows it already answers without acting twice. What is not answered with 2xx is tried again, after waits that double
/// from 100 ms to 30 s: no connection, no answer in time, 408, 425, 429 and 5xx. Any other answer stops the run, as does the
/// last try. Delivery is at least once: nothing is committed before the server has answered. Outputs in topics are exactly
/// once all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The address, `http://` or `https://`.
    pub url: String,
    /// Headers of each request, besides `Content-Type: application/json`.
    #[serde(default)]
    pub headers: Entries<String>,
    /// How long one try may take. Default: 10 s.
    #[serde(default = "ten_seconds")]
    pub timeout: Span,
    /// How many times a request is tried again. Default: 10, which takes about two minutes.
    #[serde(default = "ten")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub retries: u32,
}

fn ten_seconds() -> Span {
    Span(std::time::Duration::from_secs(10))
}

fn ten() -> u32 {
    10
}

impl TargetSpec for Http {
    fn plan(&self, mistakes: &mut Mistakes<'_>, at: &Path) -> TargetPlan {
        let host = self.url.strip_prefix("http://").or_else(|| self.url.strip_prefix("https://"));
        if host.is_none_or(|host| host.is_empty() || host.starts_with('/') || host.contains(char::is_whitespace)) {
            let message = format!("`{}` is no address of a web server", self.url);
            let at = [at.as_slice(), &path(["url"])].concat();
            mistakes.wrong_with_help(at, message, "as in `https://example.com/alerts`");
        }
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        for (name, value) in &self.headers.0 {
            if name.is_empty() || !name.chars().all(token) || value.chars().any(|c| c.is_control() || !c.is_ascii()) {
                let at = [at.as_slice(), &path(["headers", name])].concat();
                mistakes.wrong(at, format!("`{name}` cannot be a header, or its value cannot: use plain ASCII"));
            }
        }
        TargetPlan::new(HttpPlan(self.clone()))
    }
}

/// A web server that is told of decisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpPlan(pub Http);

impl fmt::Display for HttpPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.url)
    }
}

impl TargetKind for HttpPlan {
    fn system(&self) -> System {
        HTTP
    }

    fn transactional(&self) -> bool {
        false
    }

    /// Requests say that they are JSON.
    fn takes(&self, format: Format) -> bool {
        format == Format::Json
    }
}
