//! Owns configuration: read once, checked as a whole, every problem named in one message.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use clap::ValueEnum;
use domain::UserId;
use tracing_subscriber::EnvFilter;

use crate::cli::{Command, LISTEN, LogFormat, Options};

/// Everything the program was told, checked.
#[derive(Clone)]
pub struct Settings {
    /// Which databases and queues.
    pub engines: Engines,
    /// Which Discord.
    pub discord: Discord,
    /// Where the API listens.
    pub listen: SocketAddr,
    /// The port of the simulated Discord's console.
    pub console_port: u16,
    /// Where a part answers for its health.
    pub health_listen: SocketAddr,
    /// Where the bot finds the API.
    pub api_url: String,
    /// What the bot shows the API, if it was given.
    pub bot_key: Option<String>,
    /// What signs personal tokens, if it was given.
    pub jwt_secret: Option<String>,
    /// Who is always an officer.
    pub root_admin: Option<UserId>,
    /// The log's filter.
    pub log: String,
    /// The log's form.
    pub log_format: LogFormat,
}

/// Where things are kept.
#[derive(Clone)]
pub enum Engines {
    /// In files of this folder.
    Embedded {
        /// The folder.
        data: PathBuf,
    },
    /// On servers.
    Scaled {
        /// PostgreSQL.
        database_url: String,
        /// RabbitMQ.
        amqp_url: String,
        /// Connections to PostgreSQL at most.
        connections: u32,
    },
}

/// Which Discord is served.
#[derive(Clone)]
pub enum Discord {
    /// The demo's, simulated in this process.
    Demo,
    /// A real one, or a simulated one elsewhere.
    Real {
        /// The bot's token.
        token: String,
        /// Where discord.com is, when simulated.
        addr: Option<SocketAddr>,
        /// Its certificate authority, PEM.
        ca: Option<String>,
    },
    /// None is needed by this part.
    None,
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "guildhall can't start with this configuration:")?;
        for problem in &self.0 {
            writeln!(f, "  - {problem}")?;
        }
        write!(f, "See `guildhall --help` or .env.example.")
    }
}

impl Settings {
    /// Reads and checks the options that `command` needs.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn read(options: &Options, command: Option<&Command>) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        // An empty value counts as unset: that's how compose files and shells say nothing.
        let given = |value: &Option<String>| value.clone().filter(|value| !value.trim().is_empty());
        let (database, amqp, token) =
            (given(&options.database_url), given(&options.amqp_url), given(&options.discord_token));
        let demo = command.is_none() && database.is_none() && amqp.is_none() && token.is_none();

        let connections = given(&options.database_connections).map_or(Some(10), |text| {
            text.parse().ok().filter(|n| (2..=1000).contains(n)).or_else(|| {
                problems.push("GUILDHALL_DATABASE_CONNECTIONS must be a number from 2 to 1000".into());
                None
            })
        });
        let data = options.data.clone().filter(|path| !path.as_os_str().is_empty()).unwrap_or_else(|| "data".into());
        let engines = match (database, amqp) {
            (None, None) => {
                if matches!(command, Some(Command::Api | Command::Bot | Command::Worker)) {
                    problems.push(
                        "parts in processes of their own need DATABASE_URL and AMQP_URL; \
                         the embedded store and queue serve one process: run `guildhall` without a subcommand"
                            .into(),
                    );
                }
                Engines::Embedded { data }
            }
            (Some(database_url), Some(amqp_url)) => {
                if !["postgres://", "postgresql://"].iter().any(|scheme| database_url.starts_with(scheme)) {
                    problems.push("DATABASE_URL must begin with postgres://".into());
                }
                if !["amqp://", "amqps://"].iter().any(|scheme| amqp_url.starts_with(scheme)) {
                    problems.push("AMQP_URL must begin with amqp:// or amqps://".into());
                }
                Engines::Scaled { database_url, amqp_url, connections: connections.unwrap_or(10) }
            }
            (Some(database_url), None) if matches!(command, Some(Command::Migrate | Command::Verify)) => {
                Engines::Scaled { database_url, amqp_url: String::new(), connections: connections.unwrap_or(10) }
            }
            (Some(_), None) => {
                problems.push("DATABASE_URL is set but AMQP_URL is not: set both, or neither".into());
                Engines::Embedded { data }
            }
            (None, Some(_)) => {
                problems.push("AMQP_URL is set but DATABASE_URL is not: set both, or neither".into());
                Engines::Embedded { data }
            }
        };

        let needs_discord = matches!(command, None | Some(Command::Bot));
        let discord = match token {
            _ if demo => Discord::Demo,
            Some(token) if needs_discord => Discord::Real {
                token,
                addr: address(&mut problems, "DISCORD_API_ADDR", given(&options.discord_api_addr)),
                ca: authority(&mut problems, options),
            },
            None if needs_discord => {
                problems.push("DISCORD_TOKEN is missing: the bot needs it (Discord developer portal → Bot)".into());
                Discord::None
            }
            _ => Discord::None,
        };

        let bot_key = given(&options.bot_key);
        let jwt_secret = given(&options.jwt_secret);
        if bot_key.is_none() && matches!(command, Some(Command::Api | Command::Bot)) {
            problems.push("GUILDHALL_BOT_KEY is missing: the api and the bot share it (openssl rand -hex 32)".into());
        }
        if bot_key.as_ref().is_some_and(|key| key.len() < 16) {
            problems.push("GUILDHALL_BOT_KEY needs at least 16 characters".into());
        }
        if jwt_secret.is_none() && matches!(command, Some(Command::Api)) {
            problems.push("GUILDHALL_JWT_SECRET is missing (openssl rand -hex 32)".into());
        }
        if jwt_secret.as_ref().is_some_and(|secret| secret.len() < 32) {
            problems.push("GUILDHALL_JWT_SECRET needs at least 32 characters".into());
        }
        let root_admin = given(&options.root_admin);
        let root_admin = match root_admin.as_deref().map(str::parse::<UserId>) {
            Some(Ok(user)) => Some(user),
            Some(Err(_)) => {
                problems.push("GUILDHALL_ROOT_ADMIN must be a Discord user id, such as 175928847299117063".into());
                None
            }
            None => {
                if !demo && matches!(command, None | Some(Command::Api | Command::Worker)) {
                    problems.push(
                        "GUILDHALL_ROOT_ADMIN is missing: your own Discord user id; \
                         without it nobody could verify the first member"
                            .into(),
                    );
                }
                None
            }
        };

        let listen = address(&mut problems, "GUILDHALL_LISTEN", given(&options.listen)).unwrap_or(LISTEN);
        let health_port = if matches!(command, Some(Command::Bot)) { 8002 } else { 8001 };
        let health = address(&mut problems, "GUILDHALL_HEALTH_LISTEN", given(&options.health_listen));
        let health_listen = match command {
            // Asking goes to whatever part is configured here.
            Some(Command::Health) => health.unwrap_or(listen),
            _ => health.unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), health_port)),
        };
        let console_port = given(&options.console_port).map_or(Some(8010), |text| text.trim().parse().ok());
        if console_port.is_none() {
            problems.push("GUILDHALL_CONSOLE_PORT must be a port, such as 8010".into());
        }
        let log = given(&options.log).unwrap_or_else(|| "info".into());
        if EnvFilter::try_new(&log).is_err() {
            problems.push("GUILDHALL_LOG must be a filter such as info or warn,guildhall=debug".into());
        }
        let log_format = match given(&options.log_format).map(|text| LogFormat::from_str(&text, true)) {
            None => LogFormat::Text,
            Some(Ok(format)) => format,
            Some(Err(_)) => {
                problems.push("GUILDHALL_LOG_FORMAT must be text or json".into());
                LogFormat::Text
            }
        };
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        Ok(Self {
            engines,
            discord,
            listen,
            console_port: console_port.unwrap_or_default(),
            health_listen,
            api_url: given(&options.api_url).unwrap_or_else(|| "http://127.0.0.1:8000".into()),
            bot_key,
            jwt_secret,
            root_admin,
            log,
            log_format,
        })
    }
}

fn address(problems: &mut Vec<String>, name: &str, text: Option<String>) -> Option<SocketAddr> {
    let text = text?;
    let address = text.parse().ok();
    if address.is_none() {
        problems.push(format!("{name} must be an address and port, such as 127.0.0.1:8000"));
    }
    address
}

fn authority(problems: &mut Vec<String>, options: &Options) -> Option<String> {
    let path = options.discord_api_ca.as_ref().filter(|path| !path.as_os_str().is_empty())?;
    match std::fs::read_to_string(path) {
        Ok(pem) => Some(pem),
        Err(error) => {
            problems.push(format!("DISCORD_API_CA can't be read ({}): {error}", path.display()));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(set: &[(&str, &str)]) -> Options {
        let mut options = Options::default();
        for (name, value) in set {
            let value = Some((*value).to_owned());
            match *name {
                "DATABASE_URL" => options.database_url = value,
                "AMQP_URL" => options.amqp_url = value,
                "DISCORD_TOKEN" => options.discord_token = value,
                "GUILDHALL_ROOT_ADMIN" => options.root_admin = value,
                "GUILDHALL_BOT_KEY" => options.bot_key = value,
                "GUILDHALL_JWT_SECRET" => options.jwt_secret = value,
                "GUILDHALL_LISTEN" => options.listen = value,
                other => panic!("{other}"),
            }
        }
        options
    }

    #[test]
    fn nothing_at_all_is_the_demo() {
        let settings = Settings::read(&options(&[("DISCORD_TOKEN", " ")]), None).map_err(|p| p.to_string()).unwrap();
        assert!(matches!(settings.discord, Discord::Demo));
        assert!(matches!(settings.engines, Engines::Embedded { .. }));
        assert_eq!(settings.listen, LISTEN);
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let bad = [
            ("DATABASE_URL", "mysql://x"),
            ("AMQP_URL", "http://x"),
            ("GUILDHALL_BOT_KEY", "short"),
            ("GUILDHALL_ROOT_ADMIN", "me"),
            ("GUILDHALL_LISTEN", "8000"),
        ];
        let Err(problems) = Settings::read(&options(&bad), Some(&Command::Api)) else { panic!("accepted") };
        for (name, _) in bad {
            assert_eq!(problems.0.iter().filter(|problem| problem.contains(name)).count(), 1, "{name}: {problems}");
        }
        assert!(problems.to_string().contains("GUILDHALL_JWT_SECRET is missing"), "{problems}");
    }

    #[test]
    fn a_real_guild_needs_a_root_admin_and_both_engines_or_none() {
        for (set, command, want) in [
            (vec![("DISCORD_TOKEN", "t")], None, "GUILDHALL_ROOT_ADMIN is missing"),
            (vec![("DATABASE_URL", "postgres://h/d")], None, "AMQP_URL is not"),
            (vec![("AMQP_URL", "amqp://h")], None, "DATABASE_URL is not"),
            (vec![], Some(Command::Worker), "need DATABASE_URL and AMQP_URL"),
        ] {
            let Err(problems) = Settings::read(&options(&set), command.as_ref()) else { panic!("{set:?} accepted") };
            assert!(problems.to_string().contains(want), "{set:?}: {problems}");
        }
    }
}
