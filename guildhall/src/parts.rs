//! Owns the parts of the program in processes of their own: wiring, health, and an orderly end.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use api::{ApiConfig, ApiState, Secret};
use bot::BotConfig;
use broker::Broker;
use metrics_exporter_prometheus::PrometheusHandle;
use store::{Store, meta};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};
use worker::WorkerConfig;

use crate::{
    config::{Discord, Settings},
    engines, health, telemetry,
};

/// How long the parts may take to end, and their connections to close: 25 s in all.
const DRAIN: Duration = Duration::from_secs(22);
const CLOSE: Duration = Duration::from_secs(3);

/// The tasks of this process, which end together.
#[derive(Default)]
pub struct Parts {
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
    /// Cancelled when the process is to end.
    pub shutdown: CancellationToken,
}

impl Parts {
    /// Runs a part beside the others.
    pub fn start(&mut self, name: &'static str, part: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        self.tasks.spawn(async move { (name, part.await) });
    }

    /// Waits for a signal or for a part to end, then ends all of them in good order.
    ///
    /// # Errors
    /// When a part failed, or the parts did not end in time.
    pub async fn run(mut self) -> anyhow::Result<()> {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let mut failure = None;
        tokio::select! {
            _ = terminate.recv() => info!("SIGTERM: ending"),
            _ = interrupt.recv() => info!("interrupted: ending"),
            ended = self.tasks.join_next() => failure = ended.map(|ended| match ended {
                Ok((name, Err(error))) => error.context(format!("{name} failed")),
                Ok((name, Ok(()))) => anyhow::anyhow!("{name} ended by itself"),
                Err(error) => anyhow::Error::new(error).context("a part panicked"),
            }),
        }
        self.shutdown.cancel();
        let drained = tokio::time::timeout(DRAIN, async {
            while let Some(ended) = self.tasks.join_next().await {
                match ended {
                    Ok((name, Err(error))) => error!(part = name, error = format!("{error:#}"), "failed while ending"),
                    Ok((name, Ok(()))) => info!(part = name, "ended"),
                    Err(error) => error!(error = format!("{error:#}"), "a part panicked while ending"),
                }
            }
        })
        .await;
        if drained.is_err() {
            bail!("the parts did not end within {} s", DRAIN.as_secs());
        }
        failure.map_or(Ok(()), Err)
    }
}

/// `guildhall migrate`.
///
/// # Errors
/// When the schema can't be brought up to date.
pub async fn migrate(settings: Settings) -> anyhow::Result<()> {
    let store = engines::patient_store(&settings.engines).await?;
    store.migrate().await?;
    let mut tx = store.begin().await?;
    meta::claim_kind(&mut tx, meta::Kind::Real).await?;
    tx.commit().await?;
    store.close().await;
    println!("the schema is up to date");
    Ok(())
}

/// `guildhall api`.
///
/// # Errors
/// When it can't be served.
pub async fn api(settings: Settings) -> anyhow::Result<()> {
    let metrics = telemetry::metrics()?;
    let store = engines::store(&settings.engines).await?;
    let broker = engines::broker(&settings.engines).await?;
    let mut parts = Parts::default();
    let (Some(bot_key), Some(jwt_secret)) = (settings.bot_key, settings.jwt_secret) else {
        bail!("the api needs GUILDHALL_BOT_KEY and GUILDHALL_JWT_SECRET");
    };
    let mut config = ApiConfig::new(Secret::new(bot_key), Secret::new(jwt_secret));
    config.root_admin = settings.root_admin;
    let listener = listen(settings.listen).await?;
    serve_api(&mut parts, listener, config, &store, &broker, metrics)?;
    finish(parts, Some(store), broker).await
}

/// `guildhall worker`.
///
/// # Errors
/// When it can't work.
pub async fn worker(settings: Settings) -> anyhow::Result<()> {
    let metrics = telemetry::metrics()?;
    let store = engines::store(&settings.engines).await?;
    let broker = engines::broker(&settings.engines).await?;
    let mut parts = Parts::default();
    let ready: health::Check = {
        let (store, broker) = (store.clone(), broker.clone());
        Arc::new(move || {
            let (store, broker) = (store.clone(), broker.clone());
            Box::pin(async move {
                store::clock::ready(&store, &engines::clock()).await.map_err(|error| format!("store: {error}"))?;
                broker.health().await.map_err(|error| format!("broker: {error}"))
            })
        })
    };
    parts.start("health", health::serve(settings.health_listen, ready, metrics, parts.shutdown.clone()));
    start_worker(&mut parts, settings.root_admin, &store, &broker);
    finish(parts, Some(store), broker).await
}

/// `guildhall bot`.
///
/// # Errors
/// When it can't serve.
pub async fn bot(settings: Settings) -> anyhow::Result<()> {
    let metrics = telemetry::metrics()?;
    let broker = engines::broker(&settings.engines).await?;
    let mut parts = Parts::default();
    let (Discord::Real { token, addr, ca }, Some(bot_key)) = (settings.discord, settings.bot_key) else {
        bail!("the bot needs DISCORD_TOKEN and GUILDHALL_BOT_KEY");
    };
    let config =
        BotConfig { token, api_url: settings.api_url, bot_key, discord_addr: addr, discord_ca: ca, guild_filter: None };
    let bot = bot::Bot::new(config, broker.clone(), engines::clock())?;
    let ready: health::Check = {
        let health = bot.health();
        Arc::new(move || {
            let health = health.clone();
            Box::pin(async move { health.check().await })
        })
    };
    parts.start("health", health::serve(settings.health_listen, ready, metrics, parts.shutdown.clone()));
    let shutdown = parts.shutdown.clone();
    parts.start("bot", bot.run(shutdown));
    finish(parts, None, broker).await
}

/// Listens where the API is to be served.
///
/// # Errors
/// When the address is taken.
pub async fn listen(address: SocketAddr) -> anyhow::Result<tokio::net::TcpListener> {
    tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("GUILDHALL_LISTEN: {address} can't be used; is another guildhall running?"))
}

/// Serves the API as one of the parts.
///
/// # Errors
/// When its configuration can't be served with.
pub fn serve_api(
    parts: &mut Parts,
    listener: tokio::net::TcpListener,
    config: ApiConfig,
    store: &Store,
    broker: &Broker,
    metrics: PrometheusHandle,
) -> anyhow::Result<()> {
    let state = ApiState::new(store.clone(), broker.clone(), engines::clock(), config, metrics)?;
    let shutdown = parts.shutdown.clone();
    parts.start("api", async move { api::serve(listener, state, shutdown).await });
    Ok(())
}

/// Runs a worker as one of the parts.
pub fn start_worker(parts: &mut Parts, root_admin: Option<domain::UserId>, store: &Store, broker: &Broker) {
    let config = WorkerConfig { root_admin, ..WorkerConfig::default() };
    let (store, broker, shutdown) = (store.clone(), broker.clone(), parts.shutdown.clone());
    parts.start("worker", worker::run(config, store, broker, engines::clock(), shutdown));
}

/// Runs the parts until the end, then closes what they shared.
///
/// # Errors
/// See [`Parts::run`].
pub async fn finish(parts: Parts, store: Option<Store>, broker: Broker) -> anyhow::Result<()> {
    let result = parts.run().await;
    let closing = async {
        broker.close().await;
        if let Some(store) = store {
            store.close().await;
        }
    };
    // A connection that was cut silently never closes; everything that was promised is committed by now.
    if tokio::time::timeout(CLOSE, closing).await.is_err() {
        error!("connections did not close within {} s", CLOSE.as_secs());
    }
    result
}
