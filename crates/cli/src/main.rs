//! The command `gristmill`: machine learning on consumer groups.

mod arguments;
mod commands;
mod demo;
mod failure;
mod log;
mod metrics;
mod paths;
mod screen;
mod signals;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    log::start(arguments.quiet);
    if let Some(library) = std::env::var_os("ORT_DYLIB_PATH") {
        gristmill_models::find_onnxruntime(library.into());
    }
    match commands::execute(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            screen::error(&failure);
            ExitCode::from(failure.code())
        }
    }
}
