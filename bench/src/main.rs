//! Reproducible measurements, each against a stated ceiling. `cargo run --release -p guildhall-bench -- --help`

mod outages;
mod throughput;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about = "Measures Guildhall")]
struct Cli {
    #[command(subcommand)]
    run: Run,
}

#[derive(Debug, Subcommand)]
enum Run {
    /// How many submissions a second one worker takes from a backlog, against how fast the same database writes the same
    /// rows with nothing else to do.
    Throughput(throughput::Options),
    /// Database, broker and network fail under load: nothing is lost, nothing counted twice, all recovers by itself.
    Outages(outages::Options),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match cli.run {
            Run::Throughput(options) => throughput::run(options).await,
            Run::Outages(options) => outages::run(options).await,
        }
    })
}
