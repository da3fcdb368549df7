//! One Python process: started, called, and ended when it does not answer.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use gristmill::spec::PythonModel;
use gristmill_connect::lock;

use super::message::{Answer, decode, send};

const SERVE: &str = include_str!("serve.py");
/// The longest line of its output that the log shows.
const LONGEST_LINE: usize = 2_000;

/// The running processes, for an exit of this one that does not drop them.
static CHILDREN: Mutex<Vec<Weak<Mutex<Child>>>> = Mutex::new(Vec::new());

/// Ends every running process: an exit at once cannot wait for an answer.
pub fn kill() {
    for child in lock(&CHILDREN).iter().filter_map(Weak::upgrade) {
        // A process that has already ended cannot be killed.
        let _ = lock(&child).kill();
    }
}

/// A running process. Dropping it ends it.
pub(super) struct Process {
    child: Arc<Mutex<Child>>,
    requests: Option<Sender<Vec<u8>>>,
    answers: Receiver<std::io::Result<Answer>>,
}

/// Why a process did not answer: it is unusable from now on.
#[derive(Debug)]
pub(super) struct Silent(pub(super) String);

impl Process {
    /// Starts it and waits until the model is loaded.
    pub(super) fn start(python: &PythonModel, member: usize) -> Result<Self, Silent> {
        let learns = if python.learn_batch.is_some() { "learns" } else { "scores" };
        let mut command = Command::new(&python.interpreter);
        command.args(["-u", "-c", SERVE, &python.path, learns]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C on a terminal reaches every process of a group: a model is to finish its batch.
        command.process_group(0);
        let mut child = command.spawn().map_err(|error| {
            let hint = "name an interpreter that is there: `interpreter: …`";
            Silent(format!("`{}` cannot be started: {error}; {hint}", python.interpreter))
        })?;
        let (Some(mut input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Silent("it has no pipes".into()));
        };
        let path = python.path.clone();
        spawn("python-log", move || log(&path, member, errors))?;
        let (requests, to_send) = channel::<Vec<u8>>();
        // A process that does not read must not block the writer.
        spawn("python-in", move || while to_send.recv().is_ok_and(|bytes| send(&mut input, &bytes).is_ok()) {})?;
        let (heard, answers) = channel();
        spawn("python-out", move || {
            let mut output = BufReader::new(output);
            loop {
                let answer = decode(&mut output);
                let over = answer.is_err();
                if heard.send(answer).is_err() || over {
                    return;
                }
            }
        })?;
        let child = Arc::new(Mutex::new(child));
        let mut children = lock(&CHILDREN);
        children.retain(|child| child.strong_count() > 0);
        children.push(Arc::downgrade(&child));
        drop(children);
        let mut process = Self { child, requests: Some(requests), answers };
        let answer = process.wait(python.start.0)?;
        if answer.ok { Ok(process) } else { Err(Silent(answer.error)) }
    }

    /// Sends a request, and waits for the answer for at most this long.
    pub(super) fn ask(&mut self, message: Vec<u8>, timeout: Duration) -> Result<Answer, Silent> {
        let sent = self.requests.as_ref().is_some_and(|requests| requests.send(message).is_ok());
        if sent { self.wait(timeout) } else { Err(Silent(self.ended())) }
    }

    fn wait(&mut self, timeout: Duration) -> Result<Answer, Silent> {
        match self.answers.recv_timeout(timeout) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::InvalidData => Err(Silent(error.to_string())),
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => Err(Silent(self.ended())),
            Err(RecvTimeoutError::Timeout) => Err(Silent(format!("it gave no answer in {} s", timeout.as_secs_f64()))),
        }
    }

    fn ended(&mut self) -> String {
        // The pipe closes a moment before the exit status of the process is available.
        for _ in 0..50 {
            if let Ok(Some(status)) = lock(&self.child).try_wait() {
                return format!("its process ended ({status})");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        "it closed its output".into()
    }

    /// The memory that it uses, in bytes, if the system reports it.
    pub(super) fn memory(&self) -> Option<u64> {
        const PAGE: u64 = 4096;
        let pages = std::fs::read_to_string(format!("/proc/{}/statm", lock(&self.child).id())).ok()?;
        pages.split_whitespace().nth(1)?.parse::<u64>().ok().map(|pages| pages * PAGE)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.requests = None;
        // A process that has already ended cannot be killed.
        let mut child = lock(&self.child);
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), Silent> {
    let thread = std::thread::Builder::new().name(name.into()).spawn(body);
    thread.map(drop).map_err(|error| Silent(format!("a thread cannot be started: {error}")))
}

/// Logs what the process prints.
fn log(path: &str, member: usize, errors: impl Read) {
    let mut lines = BufReader::new(errors);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        line.truncate(LONGEST_LINE);
        tracing::info!(name: "python_said", member = member, "member {member}: {path}: {}", String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
}
