//! Guildhall, the one program: `guildhall` alone runs everything in one process; subcommands run or inspect one part.
//!
//! Owns the command line, configuration, wiring and shutdown; everything else lives in the crates it wires.

mod all;
mod cli;
mod config;
mod data;
mod dead_letters;
mod demo;
mod engines;
mod health;
mod parts;
mod telemetry;
mod verify;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let settings = match config::Settings::read(&cli.options, cli.command.as_ref()) {
        Ok(settings) => settings,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::from(2);
        }
    };
    telemetry::init(&settings);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("guildhall can't start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(async {
        match cli.command {
            None => all::run(settings).await,
            Some(Command::Api) => parts::api(settings).await,
            Some(Command::Bot) => parts::bot(settings).await,
            Some(Command::Worker) => parts::worker(settings).await,
            Some(Command::Migrate) => parts::migrate(settings).await,
            Some(Command::Verify) => return verify::run(&settings).await,
            Some(Command::Health) => health::ask(&settings).await,
            Some(Command::DeadLetters { action }) => dead_letters::run(&settings, action).await,
        }
        .map(|()| ExitCode::SUCCESS)
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    result.unwrap_or_else(|error| {
        // Alone on its line for the operator, with the whole chain of causes.
        eprintln!("guildhall: {error:#}");
        ExitCode::FAILURE
    })
}
