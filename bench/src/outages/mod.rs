//! Fault runs: database, broker, network and disk fail while submissions come in through the REST API. The promises, for
//! each fault: the API answers within 2 s meanwhile; all recovers by itself within 30 s; then every accepted deed is
//! counted once, every refused one never, every unknown one at most once; the ledger agrees with everything; everybody
//! has the roles of the ladder within 10 s of quiet; nothing is dead-lettered.
//!
//! The program's processes are real, on a PostgreSQL and a RabbitMQ of their own; only Discord is simulated, here.

mod checker;
mod fault;
mod load;
mod machine;
mod recorder;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use guildhall_testkit::{GuildTest, Kind, Own, Proxy, Stack, free_address};

use self::{
    checker::{Counts, LADDER},
    fault::{Fault, Link, Target},
    load::{Load, Scene, until_applied},
    machine::{Machine, Service, SmallDisk},
    recorder::Recorder,
};

/// What is run.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Broker and database are killed 20 times each and gone for a minute, lines are silent for 90 s.
    #[arg(long)]
    long: bool,
    /// Repeats the load of a run.
    #[arg(long)]
    seed: Option<u64>,
    /// Only faults whose name contains one of these.
    #[arg(long)]
    only: Vec<String>,
}

/// A client that waits for so long must have its answer: no slack here.
const ANSWER: Duration = Duration::from_secs(2);
const NOTICE: Duration = Duration::from_secs(10);
const RECOVERY: Duration = Duration::from_secs(30);
const ROLES: Duration = Duration::from_secs(10);
/// How long what is late is waited for, to tell how late.
const VAIN: Duration = Duration::from_secs(90);
const MEMBERS: usize = 4;

/// What one fault showed.
struct Row {
    name: String,
    longest: Duration,
    longest_read: Duration,
    noticed: Option<Duration>,
    recovered: Option<Duration>,
    ready: Option<Duration>,
    roles: Option<Duration>,
    counts: Counts,
    broken: Vec<String>,
}

fn faults(long: bool) -> Vec<(Fault, usize)> {
    let s = Duration::from_secs;
    let (times, silence) = if long { (20, 90) } else { (1, 20) };
    let mut faults = vec![
        (Fault::Frozen(Service::Broker, s(15)), 1),
        (Fault::Killed(Service::Broker, s(1)), times),
        (Fault::Frozen(Service::Database, s(15)), 1),
        // Again and again, since what is under way at that very moment matters.
        (Fault::Frozen(Service::Database, s(4)), if long { 20 } else { 5 }),
        (Fault::Killed(Service::Database, s(1)), times),
    ];
    if long {
        faults.extend([(Fault::Killed(Service::Broker, s(60)), 1), (Fault::Killed(Service::Database, s(60)), 1)]);
    }
    faults.extend(Link::ALL.map(|link| (Fault::Silent(link, s(silence)), 1)));
    faults.extend([(Fault::DiskAlarm(s(15)), 1), (Fault::DiskFull(s(15)), 1)]);
    faults
}

/// Runs the faults and prints what they showed.
///
/// # Errors
/// When a promise is broken, or the runs can't be made.
pub async fn run(options: Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(|| uuid::Uuid::now_v7().as_u128() as u64);
    println!("seed {seed}");
    let mut chosen = faults(options.long);
    chosen.retain(|(fault, _)| options.only.is_empty() || options.only.iter().any(|o| fault.to_string().contains(o)));
    ensure!(!chosen.is_empty(), "no fault is called that");
    let (disk, machine): (Vec<_>, Vec<_>) = chosen.into_iter().partition(|(f, _)| matches!(f, Fault::DiskFull(_)));
    let mut rows = Vec::new();
    if !machine.is_empty() {
        rows.extend(on_machine(&machine, seed).await?);
    }
    for (fault, times) in disk {
        match SmallDisk::mount().await? {
            None => println!("{fault}: skipped, mounting a small disk is not allowed here"),
            Some(disk) => {
                let own = Own { data: Some(disk.folder.clone()), ..Own::default() };
                let stack = Arc::new(Stack::start(Kind::Embedded, own).await?);
                let mut target = Target { machine: None, proxies: &[], disk: Some(&disk) };
                rows.push(one(&stack, fault, times, &mut target, seed).await?);
            }
        }
    }
    table(&rows);
    println!("what was tried: {}", record()?.display());
    let broken = rows.iter().filter(|row| !row.broken.is_empty()).count();
    ensure!(broken == 0, "{broken} of {} faults broke a promise (seed {seed})", rows.len());
    Ok(())
}

async fn on_machine(faults: &[(Fault, usize)], seed: u64) -> Result<Vec<Row>> {
    let mut machine = Machine::start().await?;
    let api = free_address()?;
    let (database, broker) = (reqwest::Url::parse(&machine.database_url)?, reqwest::Url::parse(&machine.amqp_url)?);
    let place = |url: &reqwest::Url| Ok::<_, anyhow::Error>(format!("127.0.0.1:{}", url.port().context("no port")?));
    let mut proxies = Vec::new();
    let mut told = Vec::new();
    for link in Link::ALL {
        let target = match link {
            Link::WorkerDatabase | Link::ApiDatabase => place(&database)?,
            Link::WorkerBroker | Link::ApiBroker | Link::BotBroker => place(&broker)?,
            Link::BotApi => api.to_string(),
        };
        let proxy = Proxy::to(target).await?;
        let port = proxy.addr().port();
        let (variable, value) = match link {
            Link::WorkerDatabase | Link::ApiDatabase => {
                ("DATABASE_URL", format!("postgres://postgres@127.0.0.1:{port}/{{database}}"))
            }
            Link::WorkerBroker | Link::ApiBroker | Link::BotBroker => {
                let mut url = broker.clone();
                ensure!(url.set_port(Some(port)).is_ok(), "no port");
                ("AMQP_URL", url.to_string())
            }
            Link::BotApi => ("GUILDHALL_API_URL", format!("http://{}", proxy.addr())),
        };
        told.extend(link.processes().iter().map(|process| (*process, variable.to_owned(), value.clone())));
        proxies.push((link, proxy));
    }
    let services = Some((machine.database_url.clone(), machine.amqp_url.clone()));
    let own = Own { services, data: None, api: Some(api), told };
    let stack = Arc::new(Stack::start(Kind::Scaled, own).await?);
    let mut rows = Vec::new();
    for (fault, times) in faults {
        let mut target = Target { machine: Some(&mut machine), proxies: &proxies, disk: None };
        rows.push(one(&stack, *fault, *times, &mut target, seed).await?);
    }
    drop(stack);
    machine.stop().await?;
    Ok(rows)
}

/// One fault, so many times, in a guild of its own.
async fn one(stack: &Arc<Stack>, fault: Fault, times: usize, target: &mut Target<'_>, seed: u64) -> Result<Row> {
    let name = if times == 1 { fault.to_string() } else { format!("{fault} × {times}") };
    println!("{name} …");
    let mut row = Row {
        name: name.clone(),
        longest: Duration::ZERO,
        longest_read: Duration::ZERO,
        noticed: None,
        recovered: Some(Duration::ZERO),
        ready: Some(Duration::ZERO),
        roles: None,
        counts: Counts::default(),
        broken: Vec::new(),
    };
    let ran = whole(stack, fault, times, target, seed, &mut row).await;
    if let Err(error) = ran {
        row.broken.push(format!("it could not be run to its end: {error:#}"));
    }
    const SHOWN: usize = 10;
    for broken in row.broken.iter().take(SHOWN) {
        println!("  BROKEN: {broken}");
    }
    if row.broken.len() > SHOWN {
        println!("  BROKEN: … and {} more", row.broken.len() - SHOWN);
    }
    if !row.broken.is_empty() {
        println!("{}", stack.logs().tail());
    }
    Ok(row)
}

async fn whole(
    stack: &Arc<Stack>,
    fault: Fault,
    times: usize,
    target: &mut Target<'_>,
    seed: u64,
    row: &mut Row,
) -> Result<()> {
    let scene = scene(stack, &row.name).await.context("before the fault")?;
    let load = Load::start(&scene, seed);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let calm = scene.recorder.attempts().len();
    for time in 0..times {
        let began = Instant::now();
        let (happened, noticed) = {
            let happen = fault.happen(target);
            let watch = unready(stack, began);
            tokio::pin!(happen, watch);
            let mut noticed = None;
            loop {
                tokio::select! {
                    happened = &mut happen => break (happened, noticed),
                    at = &mut watch, if noticed.is_none() => noticed = Some(at),
                }
            }
        };
        happened?;
        row.noticed = row.noticed.max(noticed);
        let ended = Instant::now();
        let longer = |worst: Option<Duration>, this: Option<Duration>| Some(worst?.max(this?));
        row.recovered = longer(row.recovered, until_applied(&scene, &format!("probe {time}"), VAIN).await?);
        row.ready = longer(row.ready, ready(stack, ended).await);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    row.longest_read = load.stop().await?;
    row.longest = scene.recorder.attempts().iter().skip(calm).map(|attempt| attempt.took).max().unwrap_or_default();
    row.roles = checker::roles(&scene, VAIN).await?;
    checker::repeat_unknown(&scene).await?;
    checker::all_applied(&scene, RECOVERY).await?;
    let settled = scene.guild.settle().await;
    row.counts = checker::count(&scene, &mut row.broken).await?;
    checker::clean(&scene, &mut row.broken).await?;
    judge(fault, row);
    for late in scene.recorder.attempts().iter().filter(|attempt| attempt.took > ANSWER).take(5) {
        println!("  late: {} after {:?}: {}", late.key, late.took, late.answer);
    }
    settled?;
    scene.guild.verify().await
}

/// What was measured against what was promised.
fn judge(fault: Fault, row: &mut Row) {
    let late = |what: Option<Duration>, most: Duration| what.is_none_or(|what| what > most);
    let mut broken = Vec::new();
    if late(Some(row.longest), ANSWER) {
        broken.push(format!("a submission was answered after {:?}", row.longest));
    }
    if late(Some(row.longest_read), ANSWER) {
        broken.push(format!("a read was answered after {:?}", row.longest_read));
    }
    if late(row.recovered, RECOVERY) {
        broken.push(format!("nothing was applied for {}", shown(row.recovered)));
    }
    if late(row.ready, RECOVERY) {
        broken.push(format!("not all was ready again for {}", shown(row.ready)));
    }
    if late(row.roles, ROLES) {
        broken.push(format!("the roles were not the ladder's for {}", shown(row.roles)));
    }
    let frozen = matches!(fault, Fault::Frozen(_, long) | Fault::Silent(_, long) if long > NOTICE);
    if frozen && late(row.noticed, NOTICE) {
        broken.push(format!("nobody noticed for {}", shown(row.noticed)));
    }
    if row.counts.ok < 20 {
        broken.push(format!("only {} submissions were accepted: nothing was tested", row.counts.ok));
    }
    row.broken.extend(broken);
}

/// A guild with a season, a ladder that gives roles, and members.
async fn scene(stack: &Arc<Stack>, name: &str) -> Result<Scene> {
    let guild = GuildTest::new(Arc::clone(stack))?;
    guild.season("Autumn").await?;
    let item = guild.item("Iron Ore", 10).await?.id;
    for at in LADDER {
        guild.rank(&checker::rank(at), at, Some(&checker::rank(at))).await?;
    }
    let mut members = Vec::new();
    for number in 1..=MEMBERS {
        members.push(guild.enrolled(&format!("m{number}")).await?);
    }
    let file = record()?.join(format!("{}.jsonl", name.replace(' ', "-")));
    Ok(Scene { guild, members: Arc::new(members), item, recorder: Arc::new(Recorder::new(&file)?) })
}

/// The folder that records are written to.
fn record() -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("guildhall-outages-record.{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

async fn is_ready(stack: &Stack, name: &str) -> bool {
    let Ok(address) = stack.address(name) else { return false };
    let asked = stack.http().get(format!("http://{address}/ready")).timeout(Duration::from_secs(3)).send().await;
    asked.is_ok_and(|answer| answer.status().is_success())
}

/// When some process first says that it isn't ready.
async fn unready(stack: &Stack, began: Instant) -> Duration {
    loop {
        for name in stack.names() {
            if !is_ready(stack, name).await {
                return began.elapsed();
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// When all are.
async fn ready(stack: &Stack, since: Instant) -> Option<Duration> {
    while since.elapsed() < VAIN {
        let mut all = true;
        for name in stack.names() {
            all &= is_ready(stack, name).await;
        }
        if all {
            return Some(since.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    None
}

fn shown(duration: Option<Duration>) -> String {
    duration.map_or("never".to_owned(), |duration| format!("{:.2} s", duration.as_secs_f64()))
}

fn table(rows: &[Row]) {
    println!(
        "| fault | longest answer | longest read | noticed | applied again | all ready | roles | ok | failed | unknown \
         | lost | double | |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    );
    for row in rows {
        let Counts { ok, failed, unknown, lost, doubled } = &row.counts;
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {ok} | {failed} | {unknown} | {lost} | {doubled} | {} |",
            row.name,
            shown(Some(row.longest)),
            shown(Some(row.longest_read)),
            shown(row.noticed),
            shown(row.recovered),
            shown(row.ready),
            shown(row.roles),
            if row.broken.is_empty() { "kept" } else { "BROKEN" }
        );
    }
}
