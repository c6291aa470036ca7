//! Owns the measurement of the pipeline: submissions a second through one worker, from a backlog in the embedded queue.
//!
//! The ceiling, measured in the same run: the same batches' ledger entries and standings written by themselves.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context;
use broker::{Broker, Exchange, Message, Route};
use chrono::TimeDelta;
use clap::Args;
use domain::{
    BookId, Clock, CommandId, EntryId, GuildId, ItemId, MemberId, Points, SeasonId, SubmissionId, Timestamp, UserId,
    ladder::OnFall,
    ledger::{EntryKind, Standing},
    member::{Member, MemberStatus},
    name::Name,
    season::Season,
    submission::ItemValue,
};
use messages::{
    command::{ActorRef, Command, CommandEnvelope, SubmitV1, Via},
    trace::TraceParent,
};
use store::{Store, entries, guilds, inbox, items, members, seasons, standings};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use worker::WorkerConfig;

/// What is measured.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// How many submissions.
    #[arg(long, default_value_t = 20_000)]
    commands: usize,
    /// From how many members.
    #[arg(long, default_value_t = 500)]
    members: u64,
    /// PostgreSQL; without it SQLite alone is measured.
    #[arg(long, env = "TEST_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
}

/// Commands in one transaction, as the worker takes them.
const BATCH: usize = 500;

/// Measures, and prints what was measured.
///
/// # Errors
/// When the databases can't be used.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let store = Store::sqlite(&folder.path().join("store.db")).await?;
    measure("SQLite", store, folder.path(), &options).await?;
    if let Some(url) = &options.database_url {
        let name = format!("guildhall_bench_{}", Uuid::now_v7().simple());
        let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(url).await?;
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
        let (server, _) = url.rsplit_once('/').context("a database URL")?;
        let folder = tempfile::tempdir()?;
        measure("PostgreSQL", Store::postgres(&format!("{server}/{name}"), 10)?, folder.path(), &options).await?;
    }
    Ok(())
}

async fn measure(engine: &str, store: Store, folder: &Path, options: &Options) -> anyhow::Result<()> {
    store.migrate().await?;
    let now: Timestamp = "2026-09-10T12:00:00Z".parse()?;
    let guild = GuildId::new(1)?;
    let (season, item, people) = seed(&store, guild, options, now).await?;

    let ceiling = ceiling(&store, &season, &people, options, now).await?;
    let broker = Broker::embedded(&folder.join("queue.db")).await?;
    let mut last = CommandId::new(Uuid::nil());
    let mut backlog = Vec::with_capacity(options.commands);
    for n in 0..options.commands {
        let user = UserId::new(1 + n as u64 % options.members)?;
        let envelope = command(guild, user, item, n, now);
        last = envelope.id;
        backlog.push(Message {
            id: envelope.id.uuid(),
            route: Route { exchange: Exchange::Commands, key: "scoring.1".into() },
            kind: "submission.submit.v1".into(),
            body: serde_json::to_vec(&envelope)?.into(),
        });
    }
    for chunk in backlog.chunks(5_000) {
        for result in broker.publish_many(chunk).await {
            result?;
        }
    }
    let shutdown = CancellationToken::new();
    let config = WorkerConfig { max_batch: BATCH, ..WorkerConfig::default() };
    let started = Instant::now();
    let worker =
        tokio::spawn(worker::run(config, store.clone(), broker.clone(), Clock::new(move || now), shutdown.clone()));
    loop {
        let mut tx = store.read().await?;
        if inbox::find(&mut tx, last).await?.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took = started.elapsed();
    shutdown.cancel();
    worker.await??;
    let report = store::verify::run(&store).await?;
    anyhow::ensure!(report.differences.is_empty(), "{:?}", report.differences);
    let rate = options.commands as f64 / took.as_secs_f64();
    println!(
        "{engine}: {rate:.0} submissions/s through one worker ({} in {:.2} s); ceiling, entries and standings alone: {ceiling:.0}/s ({:.0} %)",
        options.commands,
        took.as_secs_f64(),
        100.0 * rate / ceiling
    );
    broker.close().await;
    store.close().await;
    Ok(())
}

async fn seed(
    store: &Store,
    guild: GuildId,
    options: &Options,
    now: Timestamp,
) -> anyhow::Result<(Season, ItemId, Vec<MemberId>)> {
    let mut tx = store.begin().await?;
    guilds::ensure(&mut tx, guild, now).await?;
    let mut people = Vec::new();
    for n in 1..=options.members {
        let member = Member {
            id: MemberId::derived(Uuid::NAMESPACE_OID, &n.to_string()),
            guild,
            user: UserId::new(n)?,
            name: Name::new(&format!("Member {n}"))?,
            game_id: None,
            status: MemberStatus::Verified,
            admin: false,
        };
        members::insert(&mut tx, &member, now).await?;
        people.push(member.id);
    }
    let season = Season {
        id: SeasonId::derived(Uuid::NAMESPACE_OID, "season"),
        guild,
        book: BookId::derived(Uuid::NAMESPACE_OID, "season"),
        number: 1,
        name: Name::new("Autumn")?,
        starts_at: now - TimeDelta::days(1),
        ends_at: now + TimeDelta::days(1),
        review: false,
        on_fall: OnFall::Keep,
        closed_at: None,
    };
    seasons::insert(&mut tx, &season, now).await?;
    let name = Name::new("Iron Ore")?;
    let new = items::NewItem { id: ItemId::derived(Uuid::NAMESPACE_OID, "item"), name: &name, game_id: None };
    let item = items::catalogue(&mut tx, guild, &new, now).await?;
    items::price(&mut tx, season.id, item, ItemValue { version: 1, points: Points::new(5)? }, now).await?;
    tx.commit().await?;
    Ok((season, item, people))
}

fn command(guild: GuildId, user: UserId, item_id: ItemId, n: usize, now: Timestamp) -> CommandEnvelope {
    let id = CommandId::of_deed(&format!("bench {n}"));
    let submit = SubmitV1 {
        submission_id: SubmissionId::derived(id.uuid(), "submission"),
        season_id: None,
        user_id: user,
        item_id,
        quantity: 1,
        note: None,
    };
    CommandEnvelope {
        id,
        guild_id: guild,
        actor: ActorRef { user_id: Some(user), via: Via::Bot },
        accepted_at: now,
        traceparent: TraceParent::of(id.uuid()),
        reply: None,
        command: Command::Submit(submit),
    }
}

/// How fast the database takes the same batches' entries and standings, with nothing else to do; undone afterwards.
async fn ceiling(
    store: &Store,
    season: &Season,
    people: &[MemberId],
    options: &Options,
    now: Timestamp,
) -> anyhow::Result<f64> {
    let book = BookId::derived(Uuid::NAMESPACE_OID, "ceiling");
    let other =
        Season { id: SeasonId::new(book.uuid()), book, number: 2, name: Name::new("Ceiling")?, ..season.clone() };
    let mut places: Vec<_> = people.iter().map(|member| (book, *member)).collect();
    places.sort_unstable();
    let mut tx = store.begin().await?;
    seasons::insert(&mut tx, &other, now).await?;
    standings::join(&mut tx, &places, now).await?;
    tx.commit().await?;
    let mut folded = vec![Standing::joined(now); places.len()];
    let started = Instant::now();
    let points = Points::new(5)?;
    for batch in (0..options.commands).collect::<Vec<_>>().chunks(BATCH) {
        let mut rows = Vec::with_capacity(batch.len());
        let mut changed = std::collections::BTreeMap::new();
        for n in batch {
            let at = n % places.len();
            folded[at] = folded[at].after(points, now)?;
            changed.insert(places[at], folded[at]);
            let id = CommandId::of_deed(&format!("ceiling {n}"));
            rows.push(entries::Entry {
                id: EntryId::derived(id.uuid(), "entry"),
                place: places[at],
                seq: folded[at].seq,
                balance: folded[at].points,
                kind: EntryKind::Adjustment,
                points,
                command: id,
                submission: None,
                actor: None,
                value_version: None,
                accepted_at: now,
                applied_at: now,
            });
        }
        let mut tx = store.begin().await?;
        entries::add(&mut tx, &rows).await?;
        standings::write(&mut tx, &changed.into_iter().collect::<Vec<_>>()).await?;
        tx.commit().await?;
    }
    Ok(options.commands as f64 / started.elapsed().as_secs_f64())
}
