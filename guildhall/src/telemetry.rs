//! Owns logs and metrics: how they are written and collected.

use std::{io::IsTerminal, time::Duration};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::{cli::LogFormat, config::Settings};

/// How often the collected samples are tidied up.
const UPKEEP: Duration = Duration::from_secs(5);

/// What every filter ends with, whatever the operator asks for: lapin writes returned messages out whole.
const DIRECTIVES: &str = "lapin=error";

/// Begins to log, to standard error.
pub fn init(settings: &Settings) {
    let filter = format!("{},{},{DIRECTIVES}", settings.log, bot::LOG_DIRECTIVES);
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("warn"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// Begins to collect metrics.
///
/// # Errors
/// When this process collects them already.
pub fn metrics() -> anyhow::Result<PrometheusHandle> {
    let seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    let metrics = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &seconds)?
        .set_buckets_for_metric(Matcher::Suffix("_commands".into()), &[1.0, 5.0, 20.0, 50.0, 100.0, 200.0, 500.0])?
        .install_recorder()?;
    // Without it, samples of a process that nobody scrapes would pile up.
    let upkeep = metrics.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkeep.run_upkeep();
        }
    });
    Ok(metrics)
}
