//! Sends decisions to a web server, one request each, retried until it has answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gristmill::connect::HttpPlan;
use gristmill::plan::Plan;
use gristmill::shard::Decision;
use gristmill::spec::Http;

use crate::commit::PartitionCommit;
use crate::connector::Run;
use crate::sink::{OpenTargets, Sink, SinkError, Stopped};

/// The wait before the second attempt; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How often a wait checks whether the run is to stop.
const LOOK: Duration = Duration::from_millis(50);
/// How long a stop waits for a server that does not answer.
const PATIENCE_AT_STOP: Duration = Duration::from_secs(10);
/// How much of an answer is read, for messages.
const MOST_OF_AN_ANSWER: u64 = 1 << 16;

/// The web servers of a plan: each member has clients of its own.
pub(crate) fn open(plan: &Arc<Plan>, run: &Run) -> Result<Box<dyn OpenTargets>, SinkError> {
    Ok(Box::new(Servers { plan: Arc::clone(plan), stopped: Arc::clone(&run.stopped) }))
}

struct Servers {
    plan: Arc<Plan>,
    stopped: Stopped,
}

impl OpenTargets for Servers {
    fn sinks(&self) -> Result<Vec<Box<dyn Sink>>, SinkError> {
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        for (number, output) in self.plan.outputs.iter().enumerate() {
            if let Some(HttpPlan(http)) = output.target.of() {
                let name = format!("{}/{}", self.plan.group, output.name);
                sinks.push(Box::new(HttpSink::new(http.clone(), number, &name, Arc::clone(&self.stopped))));
            }
        }
        Ok(sinks)
    }
}

/// One client of one member for one output.
struct HttpSink {
    http: Http,
    output: usize,
    /// The prefix of the requests' keys: the same for every member of a group.
    name: String,
    agent: ureq::Agent,
    stopped: Stopped,
}

/// The outcome of a request.
enum Outcome {
    Done,
    /// A retry may help.
    Retry(String),
    /// A retry will not help.
    Refused(String),
}

impl HttpSink {
    /// For the output with this number and name of a group, or of a pipeline over a file.
    fn new(http: Http, output: usize, name: &str, stopped: Stopped) -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(http.timeout.0))
            .http_status_as_error(false)
            .user_agent(concat!("gristmill/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { http, output, name: name.to_string(), agent: agent.into(), stopped }
    }

    /// The same at every attempt for this decision: a server can recognise a repeat.
    fn key(&self, decision: &Decision<'_>) -> String {
        format!("{}/{}/{}", self.name, decision.partition, decision.position)
    }

    fn attempt(&self, key: &str, value: &[u8]) -> Outcome {
        let mut request =
            self.agent.post(&self.http.url).header("Content-Type", "application/json").header("Idempotency-Key", key);
        for (name, value) in &self.http.headers.0 {
            request = request.header(name, value);
        }
        let mut response = match request.send(value) {
            Ok(response) => response,
            Err(error @ (ureq::Error::BadUri(_) | ureq::Error::Http(_))) => return Outcome::Refused(error.to_string()),
            Err(error) => return Outcome::Retry(error.to_string()),
        };
        let status = response.status().as_u16();
        // Read to its end, so that the connection can be reused.
        let said = response.body_mut().with_config().limit(MOST_OF_AN_ANSWER).read_to_string().unwrap_or_default();
        let answer = format!("it answered {status} {}", said.chars().take(200).collect::<String>());
        match status {
            200..300 => Outcome::Done,
            408 | 425 | 429 | 500..600 => Outcome::Retry(answer),
            _ => Outcome::Refused(answer),
        }
    }

    fn deliver(&self, decision: &Decision<'_>, key: &str) -> Result<(), SinkError> {
        let (mut wait, mut stopping) = (FIRST_WAIT, None);
        let failed = |why: String| {
            let place = format!("offset {} of {}", decision.position, decision.partition);
            let why = format!("{}; the decision about {place} is sent again by the next run", why.trim_end());
            Err(SinkError::Write { target: self.http.url.clone(), why })
        };
        for tried in 0_u32.. {
            let why = match self.attempt(key, decision.value) {
                Outcome::Done => return Ok(()),
                Outcome::Refused(why) => {
                    return failed(format!("{why}. Is the address right, and may this user post?"));
                }
                Outcome::Retry(why) => why,
            };
            if tried >= self.http.retries {
                return failed(format!("{why}, after {} tries", tried.saturating_add(1)));
            }
            tracing::warn!(name: "request_retried", "{}: {why}; trying again in {} ms", self.http.url, wait.as_millis());
            let until = Instant::now() + wait;
            while Instant::now() < until {
                if (self.stopped)() && stopping.get_or_insert_with(Instant::now).elapsed() > PATIENCE_AT_STOP {
                    return failed(format!("{why}, and the run was stopped"));
                }
                std::thread::sleep(LOOK);
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        Ok(())
    }
}

impl Sink for HttpSink {
    fn write(&mut self, part: &PartitionCommit) -> Result<(), SinkError> {
        let mut before = (None, 0);
        for decision in part.outbox.decisions().filter(|decision| decision.output == self.output) {
            // Of one record there is one decision, and any number of events.
            let number = if before.0 == Some(decision.position) { before.1 + 1 } else { 0 };
            let key = self.key(&decision);
            self.deliver(&decision, &if number == 0 { key } else { format!("{key}/{number}") })?;
            before = (Some(decision.position), number);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}
