//! Owns which processes a stack is made of, and what each is told.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
};

use anyhow::{Context, Result};

use crate::{discord::ROOT, services::Services, stack::Kind};

/// One process of a stack.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    pub(crate) args: Vec<&'static str>,
    pub(crate) env: Vec<(String, String)>,
    /// Where it answers `/health`, `/ready` and `/metrics`.
    pub(crate) address: SocketAddr,
}

/// What nobody may ever read in a log.
#[derive(Debug, Clone)]
pub(crate) struct Secrets {
    pub(crate) bot_token: String,
    pub(crate) bot_key: String,
    pub(crate) jwt_secret: String,
}

impl Secrets {
    pub(crate) fn made(bot_token: &str) -> Self {
        let random = || uuid::Uuid::now_v7().simple().to_string();
        Self {
            bot_token: bot_token.to_owned(),
            bot_key: format!("planted-bot-key-{}", random()),
            jwt_secret: format!("planted-jwt-secret-{}", random()),
        }
    }
}

/// The environment that stack's processes and commands share.
pub(crate) fn common(services: Option<&Services>, data: &Path, secrets: &Secrets) -> Vec<(String, String)> {
    let mut env = vec![
        pair("GUILDHALL_ROOT_ADMIN", ROOT),
        pair("GUILDHALL_BOT_KEY", &secrets.bot_key),
        pair("GUILDHALL_JWT_SECRET", &secrets.jwt_secret),
        pair("GUILDHALL_LOG", "info"),
        pair("GUILDHALL_LOG_FORMAT", "json"),
    ];
    match services {
        None => env.push(pair("GUILDHALL_DATA", data.display())),
        Some(services) => env.extend([
            pair("DATABASE_URL", &services.database_url),
            pair("AMQP_URL", &services.amqp_url),
            pair("GUILDHALL_DATABASE_CONNECTIONS", 6),
        ]),
    }
    env
}

/// The processes of a stack. The first one serves the API.
pub(crate) fn processes(
    kind: Kind,
    common: &[(String, String)],
    discord: [(String, String); 3],
    api: SocketAddr,
) -> Result<Vec<Recipe>> {
    let with = |more: Vec<(String, String)>| common.iter().cloned().chain(more).collect::<Vec<_>>();
    let listen = pair("GUILDHALL_LISTEN", api);
    if kind == Kind::Embedded {
        let env = with(discord.into_iter().chain([listen]).collect());
        return Ok(vec![Recipe { name: "guildhall", args: Vec::new(), env, address: api }]);
    }
    let mut recipes = vec![Recipe { name: "api", args: vec!["api"], env: with(vec![listen]), address: api }];
    for (name, command) in [("bot", "bot"), ("worker-1", "worker"), ("worker-2", "worker")] {
        let address = free_address()?;
        let mut more =
            vec![pair("GUILDHALL_HEALTH_LISTEN", address), pair("GUILDHALL_API_URL", format!("http://{api}"))];
        if command == "bot" {
            more.extend(discord.clone());
        }
        recipes.push(Recipe { name, args: vec![command], env: with(more), address });
    }
    Ok(recipes)
}

/// One environment variable.
pub(crate) fn pair(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}

/// An address that nobody uses, from below the ports that systems give to outgoing connections, so that it is still
/// free when a killed process comes back for it.
///
/// # Errors
/// When there is none.
pub fn free_address() -> Result<SocketAddr> {
    const PORTS: std::ops::Range<u32> = 20_000..32_000;
    let span = PORTS.end - PORTS.start;
    let random = u32::try_from(uuid::Uuid::now_v7().as_u128() & 0xffff_ffff)?;
    (0..span)
        .map(|step| PORTS.start + (random % span + step) % span)
        .filter_map(|port| u16::try_from(port).ok())
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .find(|address| TcpListener::bind(address).is_ok())
        .context("no port is free")
}
