//! Owns the faults: what is done to the machine, and undone.

use std::{fmt, time::Duration};

use anyhow::Result;
use guildhall_testkit::Proxy;

use super::machine::{Machine, Service, SmallDisk};

/// A line between two parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    WorkerDatabase,
    WorkerBroker,
    ApiDatabase,
    ApiBroker,
    BotApi,
    BotBroker,
}

impl Link {
    pub const ALL: [Self; 6] =
        [Self::WorkerDatabase, Self::WorkerBroker, Self::ApiDatabase, Self::ApiBroker, Self::BotApi, Self::BotBroker];

    /// Which processes are on its near side.
    pub const fn processes(self) -> &'static [&'static str] {
        match self {
            Self::WorkerDatabase | Self::WorkerBroker => &["worker-1", "worker-2"],
            Self::ApiDatabase | Self::ApiBroker => &["api"],
            Self::BotApi | Self::BotBroker => &["bot"],
        }
    }
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Stopped where it is for so long.
    Frozen(Service, Duration),
    /// Killed, and started again so much later.
    Killed(Service, Duration),
    /// A line falls silent for so long.
    Silent(Link, Duration),
    /// The broker thinks its disk is full.
    DiskAlarm(Duration),
    /// The disk of store and queue is full.
    DiskFull(Duration),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, long) = match self {
            Self::Frozen(service, long) => (format!("{service:?} frozen"), long),
            Self::Killed(service, long) => (format!("{service:?} killed"), long),
            Self::Silent(link, long) => (format!("{link:?} silent"), long),
            Self::DiskAlarm(long) => ("Broker disk alarm".to_owned(), long),
            Self::DiskFull(long) => ("Disk full".to_owned(), long),
        };
        write!(f, "{what} {} s", long.as_secs())
    }
}

/// All that faults are done to.
pub struct Target<'t> {
    pub machine: Option<&'t mut Machine>,
    pub proxies: &'t [(Link, Proxy)],
    pub disk: Option<&'t SmallDisk>,
}

impl Fault {
    /// Breaks it, waits, and mends it.
    pub async fn happen(self, target: &mut Target<'_>) -> Result<()> {
        match (self, target.machine.as_deref_mut(), target.disk) {
            (Self::Frozen(service, long), Some(machine), _) => {
                machine.freeze(service)?;
                tokio::time::sleep(long).await;
                machine.thaw(service)
            }
            (Self::Killed(service, long), Some(machine), _) => {
                machine.kill(service).await?;
                tokio::time::sleep(long).await;
                machine.restart(service).await
            }
            (Self::Silent(link, long), ..) => {
                let proxies = || target.proxies.iter().filter(|(at, _)| *at == link).map(|(_, proxy)| proxy);
                proxies().for_each(Proxy::hush);
                tokio::time::sleep(long).await;
                proxies().for_each(Proxy::mend);
                Ok(())
            }
            (Self::DiskAlarm(long), Some(machine), _) => {
                machine.rabbitmqctl(&["set_disk_free_limit", "100000GB"]).await?;
                tokio::time::sleep(long).await;
                machine.rabbitmqctl(&["set_disk_free_limit", "50MB"]).await
            }
            (Self::DiskFull(long), _, Some(disk)) => {
                let until = tokio::time::Instant::now() + long;
                while tokio::time::Instant::now() < until {
                    // Whatever becomes free is taken again.
                    disk.fill()?;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                disk.empty()
            }
            (fault, ..) => anyhow::bail!("{fault} is not for this stack"),
        }
    }
}
