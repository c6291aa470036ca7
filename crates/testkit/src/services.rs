//! Owns what the scaled stack borrows: a database of its own on the PostgreSQL server, and the broker to itself.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use broker::{AmqpConfig, Broker, Queue};
use sqlx::{Connection, Executor, PgConnection};

use crate::time::{until, until_within};

/// Names of databases made here begin with this.
const PREFIX: &str = "guildhall_e2e_";
/// The key of the lock that keeps two test processes from using one broker at once.
const LOCK: i64 = 0x6775_696c_6468;
/// How long another test process may take to finish.
const TURN: Duration = Duration::from_secs(120);

/// PostgreSQL and RabbitMQ for one stack. The lock lasts as long as the connection.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) database_url: String,
    pub(crate) amqp_url: String,
    _lock: PgConnection,
}

impl Services {
    /// Takes the services that the environment names, and makes them empty.
    pub(crate) async fn take() -> Result<Self> {
        Self::take_these(named("TEST_DATABASE_URL")?, named("TEST_AMQP_URL")?).await
    }

    /// Takes these services, and makes them empty.
    pub(crate) async fn take_these(server: String, amqp_url: String) -> Result<Self> {
        let mut admin =
            PgConnection::connect(&server).await.context("TEST_DATABASE_URL: PostgreSQL can't be reached")?;
        let deadline = tokio::time::Instant::now() + TURN;
        while !sqlx::query_scalar::<_, bool>("SELECT pg_try_advisory_lock($1)").bind(LOCK).fetch_one(&mut admin).await?
        {
            if tokio::time::Instant::now() > deadline {
                bail!("another test process has used this PostgreSQL and RabbitMQ for {} s", TURN.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        clear(&server, &mut admin).await?;
        let name = format!("{PREFIX}{}", uuid::Uuid::now_v7().simple());
        admin.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
        let mut url = reqwest::Url::parse(&server).context("TEST_DATABASE_URL")?;
        url.set_path(&name);
        empty(&amqp_url).await?;
        Ok(Self { database_url: url.into(), amqp_url, _lock: admin })
    }
}

/// Removes the databases of earlier test processes, once their programs are gone: those would take our messages.
async fn clear(server: &str, admin: &mut PgConnection) -> Result<()> {
    let pattern = format!("{}%", PREFIX.replace('_', "\\_"));
    until("the programs of an earlier test process to end", async || {
        let mut look = PgConnection::connect(server).await?;
        let users: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM pg_stat_activity WHERE datname LIKE $1")
            .bind(&pattern)
            .fetch_one(&mut look)
            .await?;
        Ok((users == 0).then_some(()))
    })
    .await?;
    let old: Vec<String> = sqlx::query_scalar("SELECT datname FROM pg_database WHERE datname LIKE $1")
        .bind(&pattern)
        .fetch_all(&mut *admin)
        .await?;
    for name in old {
        admin.execute(sqlx::AssertSqlSafe(format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)"))).await?;
    }
    Ok(())
}

/// Throws away what earlier tests left in the queues.
async fn empty(amqp_url: &str) -> Result<()> {
    let broker = Broker::amqp(AmqpConfig::new(amqp_url)).await?;
    let emptied = until_within(Duration::from_secs(10), "the queues to be empty (TEST_AMQP_URL)", async || {
        let mut left = 0;
        for queue in Queue::ALL {
            // The first call may come before the connection is made.
            if broker.purge(queue).await.is_err() {
                return Ok(None);
            }
            let Ok(depth) = broker.depth(queue).await else { return Ok(None) };
            left += depth.ready + depth.retry + depth.dead;
        }
        Ok((left == 0).then_some(()))
    })
    .await;
    broker.close().await;
    emptied
}

fn named(variable: &str) -> Result<String> {
    match std::env::var(variable) {
        Ok(value) if !value.trim().is_empty() => Ok(value),
        _ => bail!(
            "{variable} is not set: tests on the scaled stack need PostgreSQL and RabbitMQ. \
             Run them with `scripts/services run -- cargo test -p guildhall-testkit` or `scripts/test`"
        ),
    }
}
