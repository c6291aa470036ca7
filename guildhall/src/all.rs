//! Owns everything in one process: `guildhall` without a subcommand.

use std::sync::Arc;

use anyhow::Context;
use api::{ApiConfig, Secret};
use bot::BotConfig;
use store::{Engine, meta};

use crate::{
    config::{Discord, Engines, Settings},
    data::DataFolder,
    demo::Demo,
    engines,
    parts::{self, Parts},
    telemetry,
};

/// Runs everything until the process is told to end.
///
/// # Errors
/// When a part can't start or fails.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let metrics = telemetry::metrics()?;
    let folder = match &settings.engines {
        // Its lock is held until everything has ended.
        Engines::Embedded { data } => Some(Arc::new(DataFolder::open(data)?)),
        Engines::Scaled { .. } => None,
    };
    let store = engines::store(&settings.engines).await?;
    if store.engine() == Engine::Sqlite {
        store.migrate().await?;
    }
    store.check().await?;
    let demo = matches!(settings.discord, Discord::Demo);
    let mut tx = store.begin().await.context("the store can't be used")?;
    meta::claim_kind(&mut tx, if demo { meta::Kind::Demo } else { meta::Kind::Real }).await?;
    tx.commit().await?;

    let (bot_key, jwt_secret) = match (settings.bot_key, settings.jwt_secret, &folder) {
        (Some(bot_key), Some(jwt_secret), _) => (bot_key, jwt_secret),
        (bot_key, jwt_secret, Some(folder)) => {
            let keys = folder.keys()?;
            (bot_key.unwrap_or(keys.bot_key), jwt_secret.unwrap_or(keys.jwt_secret))
        }
        _ => anyhow::bail!("GUILDHALL_BOT_KEY and GUILDHALL_JWT_SECRET are needed with DATABASE_URL"),
    };
    let broker = engines::broker(&settings.engines).await?;
    let listener = parts::listen(settings.listen).await?;
    let api_url = format!("http://{}", crate::health::reachable(listener.local_addr()?));

    let (discord, demo) = match (settings.discord, &folder) {
        (Discord::Demo, Some(folder)) => {
            let demo = Demo::start(folder, settings.console_port).await?;
            (demo.discord(), Some(demo))
        }
        (discord, _) => (discord, None),
    };
    let Discord::Real { token, addr, ca } = discord else { anyhow::bail!("no Discord to serve") };
    let root_admin = demo.as_ref().map_or(settings.root_admin, |demo| Some(demo.root_admin()));

    let mut config = ApiConfig::new(Secret::new(bot_key.clone()), Secret::new(jwt_secret));
    config.root_admin = root_admin;
    config.demo_key_loopback_only = demo.is_some();
    let mut parts = Parts::default();
    parts::serve_api(&mut parts, listener, config, &store, &broker, metrics)?;
    parts::start_worker(&mut parts, root_admin, &store, &broker);
    let config = BotConfig {
        token,
        api_url: api_url.clone(),
        bot_key: bot_key.clone(),
        discord_addr: addr,
        discord_ca: ca,
        guild_filter: None,
    };
    let bot = bot::Bot::new(config, broker.clone(), engines::clock())?;
    let shutdown = parts.shutdown.clone();
    parts.start("bot", bot.run(shutdown.clone()));
    if let (Some(demo), Some(folder)) = (&demo, &folder) {
        let (demo, folder) = (demo.clone(), Arc::clone(folder));
        parts.start("demo", async move { demo.run(&folder, &api_url, &bot_key, shutdown).await });
    }
    let result = parts::finish(parts, Some(store), broker).await;
    if let Some(demo) = demo {
        demo.end().await;
    }
    result
}
