//! What the user sees: the log, errors, the progress bar. All on standard error.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::time::Duration;

use gristmill_runtime::run::Control;
use indicatif::{ProgressBar, ProgressStyle};
use tracing_subscriber::fmt::MakeWriter;

use crate::failure::Failure;

static BAR: OnceLock<ProgressBar> = OnceLock::new();

/// Writes above the progress bar instead of through it.
pub(crate) struct AboveBar;

impl Write for AboveBar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match BAR.get() {
            Some(bar) => bar.suspend(|| io::stderr().write(bytes)),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl MakeWriter<'_> for AboveBar {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

/// Shows why the command failed.
pub(crate) fn error(failure: &Failure) {
    let text = match failure {
        Failure::Document(problems) => problems.render(io::stderr().is_terminal()),
        Failure::Closed => return,
        other => format!("error: {other}"),
    };
    // When standard error is closed, there is nowhere to report it.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints to standard output; a reader that closed it is not reported as an error.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let written = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::Closed,
        _ => Failure::Run(format!("cannot write to standard output: {error}")),
    })
}

/// Shows progress on a terminal until `done`.
pub(crate) fn progress(control: &Control, done: &dyn Fn() -> bool) {
    if !io::stderr().is_terminal() {
        return;
    }
    while !done() {
        std::thread::sleep(Duration::from_millis(100));
        let bar = BAR.get_or_init(ProgressBar::new_spinner);
        match control.part() {
            Some((part, whole)) => {
                let style = ProgressStyle::with_template("{bar:40} {percent:>3}%  {msg}  {eta} left");
                style.into_iter().for_each(|style| bar.set_style(style));
                bar.set_length(whole);
                bar.set_position(part.min(whole));
            }
            None => bar.tick(),
        }
        let rate = control.rows() as f64 / bar.elapsed().as_secs_f64().max(0.1);
        bar.set_message(format!("{} rows, {rate:.0}/s", control.rows()));
    }
    if let Some(bar) = BAR.get() {
        bar.finish_and_clear();
    }
}
