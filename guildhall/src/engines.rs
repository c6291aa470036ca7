//! Owns opening the store and the broker that the configuration names, and the system's clock.

use std::{path::Path, time::Duration};

use anyhow::{Context, bail};
use broker::{AmqpConfig, Broker};
use domain::Clock;
use store::Store;

use crate::{config::Engines, data};

/// How long a statement may take that looks at everything.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// The system's clock: the one place that asks it.
#[must_use]
pub fn clock() -> Clock {
    #[expect(clippy::disallowed_methods, reason = "everything else gets the time from this clock")]
    Clock::new(chrono::Utc::now)
}

/// The store.
///
/// # Errors
/// When it can't be opened.
pub async fn store(engines: &Engines) -> anyhow::Result<Store> {
    match engines {
        Engines::Embedded { data } => embedded_store(data).await,
        Engines::Scaled { database_url, connections, .. } => Ok(Store::postgres(database_url, *connections)?),
    }
}

/// The store for work on everything at once, whose statements may take long.
///
/// # Errors
/// When it can't be opened.
pub async fn patient_store(engines: &Engines) -> anyhow::Result<Store> {
    match engines {
        Engines::Embedded { data } => embedded_store(data).await,
        Engines::Scaled { database_url, connections, .. } => {
            Ok(Store::postgres_within(database_url, *connections, PATIENCE)?)
        }
    }
}

async fn embedded_store(folder: &Path) -> anyhow::Result<Store> {
    let file = data::store_file(folder);
    Store::sqlite(&file).await.with_context(|| format!("the store {} can't be opened", file.display()))
}

/// The broker.
///
/// # Errors
/// When it can't be opened.
pub async fn broker(engines: &Engines) -> anyhow::Result<Broker> {
    match engines {
        Engines::Embedded { data } => {
            let file = data::queue_file(data);
            Broker::embedded(&file).await.with_context(|| format!("the queue {} can't be opened", file.display()))
        }
        Engines::Scaled { amqp_url, .. } => {
            Broker::amqp(AmqpConfig::new(amqp_url)).await.context("AMQP_URL can't be used")
        }
    }
}

/// Refuses to look into an embedded store that isn't there: opening it would make an empty one.
///
/// # Errors
/// When there is none.
pub fn must_exist(engines: &Engines) -> anyhow::Result<()> {
    if let Engines::Embedded { data } = engines {
        let file = data::store_file(data);
        if !file.exists() {
            bail!("there is no store at {}; set GUILDHALL_DATA or DATABASE_URL", file.display());
        }
    }
    Ok(())
}
