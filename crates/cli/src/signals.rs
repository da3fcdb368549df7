//! Ctrl-C and SIGTERM: the first signal commits and leaves the group, the second ends the process at once.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use gristmill_runtime::python;
use gristmill_runtime::run::Control;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::{exit, signal_name};

use crate::failure::Failure;

/// How long members may take to leave before the log says where they are.
const LONG: Duration = Duration::from_secs(5);
/// How long a log without a reader may delay the end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Handles signals from now on. Other threads write the log, so that a log without a reader never delays a signal.
pub(crate) fn listen(control: &Arc<Control>) -> Result<(), Failure> {
    let signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]);
    let mut signals = signals.map_err(|error| Failure::Run(format!("signals cannot be received: {error}")))?;
    let control = Arc::clone(control);
    std::thread::spawn(move || {
        let mut stopping = false;
        for signal in signals.forever() {
            let control = Arc::clone(&control);
            if stopping {
                stop_at_once(signal, control);
            }
            stopping = true;
            control.stop();
            std::thread::spawn(move || stop(&control));
        }
    });
    Ok(())
}

fn stop(control: &Control) {
    tracing::info!(name: "run_stopping", "stopping: committing and leaving the group; once more to stop at once");
    std::thread::sleep(LONG);
    for work in control.work() {
        tracing::warn!(name: "run_still_stopping", "still stopping: {work}; once more to stop at once");
    }
}

/// Ends the process, whatever its members are doing.
fn stop_at_once(signal: i32, control: Arc<Control>) -> ! {
    let (done, said) = channel();
    std::thread::spawn(move || {
        let name = signal_name(signal).unwrap_or("a signal");
        let work = control.work();
        if work.is_empty() {
            tracing::error!(name: "run_stopped_at_once", "stopped at once by a second {name}: no member was in a step");
        }
        for work in work {
            tracing::error!(name: "run_stopped_at_once", "stopped at once by a second {name}: {}", work.replace(" is ", " was "));
        }
        tracing::error!(name: "run_stopped_at_once", "what was not committed is read again at the next start");
        python::kill();
        done.send(())
    });
    // If the log has no reader, there is nowhere to report it.
    let _ = said.recv_timeout(LAST_WORDS);
    exit(128 + signal)
}
