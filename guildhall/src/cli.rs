//! Owns the command line: subcommands, and the options that are environment variables as well.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use uuid::Uuid;

/// A self-hosted home for a Discord guild. Without a subcommand everything runs in this process; without any
/// configuration that is a demo guild on a simulated Discord.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 120)]
pub struct Cli {
    /// What to run instead of everything.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options, also read from the environment.
    #[command(flatten)]
    pub options: Options,
}

/// The parts of the program.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Serve the REST API.
    Api,
    /// Serve Discord: the gateway, and the effects that the ledger asks for.
    Bot,
    /// Apply commands; run as many as you like.
    Worker,
    /// Bring the database schema up to this version.
    Migrate,
    /// Refold the ledger and compare every projection with it; exit 1 on any difference.
    Verify,
    /// Ask a running part whether it is ready; exit 0 when it is.
    Health,
    /// Look at messages that could not be handled, and send them again.
    DeadLetters {
        /// What to do.
        #[command(subcommand)]
        action: DeadLetterAction,
    },
}

/// What can be done with dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum DeadLetterAction {
    /// List them, oldest first.
    List,
    /// Show one whole.
    Show {
        /// The message's id.
        id: Uuid,
    },
    /// Send them again.
    Redrive {
        /// The message's id.
        #[arg(required_unless_present = "all")]
        id: Option<Uuid>,
        /// Every one there is.
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
}

/// Options as they were given; nothing is checked yet.
#[derive(Debug, Clone, Default, Args)]
pub struct Options {
    /// PostgreSQL instead of the embedded store, as postgres://user:password@host/database.
    #[arg(long, global = true, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// RabbitMQ instead of the embedded queue, as amqp://user:password@host/vhost.
    #[arg(long, global = true, env = "AMQP_URL", hide_env_values = true, value_name = "URL")]
    pub amqp_url: Option<String>,
    /// The bot's token.
    #[arg(long, global = true, env = "DISCORD_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub discord_token: Option<String>,
    /// Where discord.com is, when it is a simulated one.
    #[arg(long, global = true, env = "DISCORD_API_ADDR", value_name = "ADDR")]
    pub discord_api_addr: Option<String>,
    /// The file with the certificate authority of a simulated Discord, PEM.
    #[arg(long, global = true, env = "DISCORD_API_CA", value_name = "FILE")]
    pub discord_api_ca: Option<PathBuf>,
    /// The folder of the embedded store and queue [default: ./data].
    #[arg(long, global = true, env = "GUILDHALL_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Where the API listens [default: 127.0.0.1:8000].
    #[arg(long, global = true, env = "GUILDHALL_LISTEN", value_name = "ADDR")]
    pub listen: Option<String>,
    /// The port on 127.0.0.1 where the demo's simulated Discord can be opened in a browser; 0 takes any free one
    /// [default: 8010].
    #[arg(long, global = true, env = "GUILDHALL_CONSOLE_PORT", value_name = "PORT")]
    pub console_port: Option<String>,
    /// Where `worker` and `bot` answer /health, /ready and /metrics [default: 127.0.0.1:8001 and :8002].
    #[arg(long, global = true, env = "GUILDHALL_HEALTH_LISTEN", value_name = "ADDR")]
    pub health_listen: Option<String>,
    /// Where the bot finds the API [default: http://127.0.0.1:8000].
    #[arg(long, global = true, env = "GUILDHALL_API_URL", value_name = "URL")]
    pub api_url: Option<String>,
    /// What the bot shows the API; made and kept in the data folder when everything runs in one process.
    #[arg(long, global = true, env = "GUILDHALL_BOT_KEY", hide_env_values = true, value_name = "KEY")]
    pub bot_key: Option<String>,
    /// What signs personal tokens, at least 32 characters; made and kept in the data folder likewise.
    #[arg(long, global = true, env = "GUILDHALL_JWT_SECRET", hide_env_values = true, value_name = "SECRET")]
    pub jwt_secret: Option<String>,
    /// The Discord user id of the person who is always an officer.
    #[arg(long, global = true, env = "GUILDHALL_ROOT_ADMIN", value_name = "USER")]
    pub root_admin: Option<String>,
    /// How many connections to PostgreSQL one process opens at most [default: 10].
    #[arg(long, global = true, env = "GUILDHALL_DATABASE_CONNECTIONS", value_name = "N")]
    pub database_connections: Option<String>,
    /// What is logged, as a filter of the tracing crate [default: info].
    #[arg(long, global = true, env = "GUILDHALL_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// How it is logged: text or json [default: text].
    #[arg(long, global = true, env = "GUILDHALL_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,
}

/// Ways to write the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// Where the API listens when nothing else is said.
pub const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8000);
