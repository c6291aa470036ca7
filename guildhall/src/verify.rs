//! Owns `guildhall verify`: refolds the ledger, tells what differs, exits 1 if anything does.

use std::process::ExitCode;

use anyhow::Context;

use crate::{config::Settings, engines};

/// Verifies, and prints what was found.
///
/// # Errors
/// When the store can't be read.
pub async fn run(settings: &Settings) -> anyhow::Result<ExitCode> {
    engines::must_exist(&settings.engines)?;
    let store = engines::patient_store(&settings.engines).await?;
    let report = store::verify::run(&store).await.context("the ledger can't be verified")?;
    store.close().await;
    for difference in &report.differences {
        println!("DIFFERENT {difference}");
    }
    println!(
        "{} books, {} standings and {} entries refolded: {}",
        report.books,
        report.standings,
        report.entries,
        match report.differences.len() {
            0 => "everything agrees with the ledger".to_owned(),
            n => format!("{n} differences"),
        }
    );
    Ok(if report.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
