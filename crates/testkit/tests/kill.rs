//! kill -9 in the middle of everything, on both stacks: what was taken is counted once, what was not is not, and the
//! ledger, the standings and the roles agree afterwards. And SIGTERM: an orderly end.
//!
//! The instants are random: `TEST_SEED` repeats a run's. `TEST_KILLS` makes it more than ten on each stack.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use client::{ClientError, Taken};
use domain::{CommandId, ItemId, UserId};
use guildhall_testkit::{GuildTest, Kind, Member, guild_tests, until};
use messages::{api::SubmitRequest, outcome::Outcome};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::{
    sync::{Mutex, MutexGuard},
    task::JoinSet,
};

guild_tests!(killed_at_random_nothing_is_lost_or_doubled, sigterm_ends_every_process_in_good_order);

/// How often something is killed, the submissions for each kill, and how many of those are under way at once.
const KILLS: usize = 10;
const FOR_EACH: usize = 60;
const AT_ONCE: usize = 8;
/// How long an orderly end may take.
const ORDERLY: Duration = Duration::from_secs(25);

/// Both tests end the processes of the stack they share: one after the other.
async fn alone(kind: Kind) -> MutexGuard<'static, ()> {
    static EMBEDDED: Mutex<()> = Mutex::const_new(());
    static SCALED: Mutex<()> = Mutex::const_new(());
    match kind {
        Kind::Embedded => EMBEDDED.lock().await,
        Kind::Scaled => SCALED.lock().await,
    }
}

/// What the client knows of one deed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// The API said it was taken, as this command.
    Ok(CommandId),
    /// Surely not taken.
    Failed,
    /// Nobody knows.
    Unknown,
}

/// One deed to be: who, which key, how many.
#[derive(Debug, Clone)]
struct Plan {
    user: UserId,
    key: String,
    quantity: i64,
}

/// Sends a deed once and notes what is known of it then.
async fn attempt(t: &GuildTest, plan: &Plan, item_id: ItemId) -> Result<Known> {
    let request = SubmitRequest { user_id: None, season_id: None, item_id, quantity: plan.quantity, note: None };
    match t.api().as_user(plan.user).with_key(&plan.key).submit(&request).await {
        Ok(Taken::Accepted(accepted)) => Ok(Known::Ok(accepted.command_id)),
        Ok(Taken::Outcome(outcome)) => bail!("{}: an outcome nobody waited for: {outcome:?}", plan.key),
        Err(ClientError::Unreachable(_)) => Ok(Known::Unknown),
        Err(error) if error.status() == Some(503) => match error.code() {
            Some("unknown" | "timed_out") => Ok(Known::Unknown),
            _ => Ok(Known::Failed),
        },
        Err(error) => Err(anyhow::Error::from(error).context(plan.key.clone())),
    }
}

async fn killed_at_random_nothing_is_lost_or_doubled(t: GuildTest) -> Result<()> {
    let kind = t.stack().kind();
    let _alone = alone(kind).await;
    let seed = match std::env::var("TEST_SEED") {
        Ok(seed) => seed.parse().context("TEST_SEED must be a number")?,
        Err(_) => uuid::Uuid::now_v7().as_u128() as u64,
    };
    let kills = match std::env::var("TEST_KILLS") {
        Ok(kills) => kills.parse().context("TEST_KILLS must be a number")?,
        Err(_) => KILLS,
    };
    let submissions = kills * FOR_EACH;
    println!("{}: TEST_SEED={seed}, {kills} kills", kind.name());
    let mut random = StdRng::seed_from_u64(seed);

    t.season("Autumn").await?;
    let item = t.item("Iron Ore", 10).await?.id;
    let ladder = [("Rookie", 100), ("Veteran", 500), ("Champion", 1_200)];
    for (rank, threshold) in ladder {
        t.rank(rank, threshold, Some(rank)).await?;
    }
    let mut members: Vec<Member> = Vec::new();
    for number in 1..=6 {
        members.push(t.enrolled(&format!("m{number}")).await?);
    }
    let plans: Vec<Plan> = (0..submissions)
        .map(|number| Plan {
            user: members[random.random_range(0..members.len())].id(),
            key: format!("kill-{number}"),
            quantity: random.random_range(1..=3),
        })
        .collect();

    // The load, with kills in between: each when a certain number of deeds was tried.
    let mut moments: Vec<usize> = (0..kills).map(|_| random.random_range(submissions / 20..submissions)).collect();
    moments.sort_unstable();
    let tried = Arc::new(AtomicUsize::new(0));
    let recorder: Arc<Mutex<BTreeMap<String, Known>>> = Arc::default();
    let mut load = JoinSet::new();
    for lane in 0..AT_ONCE {
        let (t, tried, recorder) = (t.clone(), Arc::clone(&tried), Arc::clone(&recorder));
        let plans: Vec<Plan> = plans.iter().skip(lane).step_by(AT_ONCE).cloned().collect();
        load.spawn(async move {
            for plan in plans {
                let known = attempt(&t, &plan, item).await?;
                recorder.lock().await.insert(plan.key, known);
                tried.fetch_add(1, Ordering::Relaxed);
                if !matches!(known, Known::Ok(_)) {
                    // The API is away: what is sent meanwhile tells nothing.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            anyhow::Ok(())
        });
    }
    let victims = t.stack().names();
    for moment in moments {
        until("the load to go on", async || Ok((tried.load(Ordering::Relaxed) >= moment).then_some(()))).await?;
        let victim = match kind {
            Kind::Embedded => victims[0],
            // Mostly workers, in the middle of their batches; api and bot too.
            Kind::Scaled => victims[[2, 3, 2, 3, 2, 3, 0, 1][random.random_range(0..8)]],
        };
        // A moment of its own, so that it is not always the answer to a request that is cut off.
        tokio::time::sleep(Duration::from_micros(random.random_range(0..30_000))).await;
        println!("{}: kill -9 {victim} after {} tries", kind.name(), tried.load(Ordering::Relaxed));
        t.stack().crash(victim).await?;
    }
    while let Some(lane) = load.join_next().await {
        lane??;
    }
    t.stack().ready().await?;
    settle_unknown(&t, &plans, item, &recorder).await?;
    judge(&t, &plans, &members, &recorder.lock().await.clone()).await?;
    for member in &members {
        let points = t.officer()?.summary(member.id(), None).await?.points.get();
        let reached: Vec<&str> = ladder.iter().filter(|(_, at)| *at <= points).map(|(rank, _)| *rank).collect();
        member.expect_roles(&reached).await?;
    }
    Ok(())
}

/// Repeats with the same key what nobody knows of, until somebody does.
async fn settle_unknown(
    t: &GuildTest,
    plans: &[Plan],
    item: ItemId,
    recorder: &Mutex<BTreeMap<String, Known>>,
) -> Result<()> {
    let count = |known: &BTreeMap<String, Known>| {
        let of = |wanted: fn(&Known) -> bool| known.values().filter(|known| wanted(known)).count();
        [of(|k| matches!(k, Known::Ok(_))), of(|k| *k == Known::Failed), of(|k| *k == Known::Unknown)]
    };
    let [ok, failed, unknown] = count(&*recorder.lock().await);
    println!("{}: {ok} ok, {failed} failed, {unknown} unknown", t.stack().kind().name());
    for plan in plans {
        if recorder.lock().await.get(&plan.key) == Some(&Known::Unknown) {
            let known = until(&format!("{} to be known", plan.key), async || {
                let known = attempt(t, plan, item).await?;
                // A repeat that was surely not taken says nothing of the first try.
                Ok(matches!(known, Known::Ok(_)).then_some(known))
            })
            .await?;
            recorder.lock().await.insert(plan.key.clone(), known);
        }
    }
    Ok(())
}

/// Every deed that was taken has an outcome and one entry; no other deed has any.
async fn judge(t: &GuildTest, plans: &[Plan], members: &[Member], known: &BTreeMap<String, Known>) -> Result<()> {
    let mut wanted: BTreeMap<String, i64> = BTreeMap::new();
    let mut totals: BTreeMap<UserId, i64> = BTreeMap::new();
    for plan in plans {
        let Some(Known::Ok(command)) = known.get(&plan.key) else { continue };
        let outcome = t.outcome(*command).await.with_context(|| format!("{} was taken", plan.key))?;
        let Outcome::Applied { submission: Some(submission) } = outcome else { bail!("{}: {outcome:?}", plan.key) };
        wanted.insert(submission.submission_id.to_string(), plan.quantity * 10);
        *totals.entry(plan.user).or_default() += plan.quantity * 10;
    }
    ensure!(wanted.len() >= plans.len() / 2, "only {} deeds were taken: nothing was tested", wanted.len());
    t.settle().await?;
    let mut found: BTreeMap<String, i64> = BTreeMap::new();
    for member in members {
        let entries = member.entries().await?;
        let sum: i64 = entries.iter().map(|entry| entry.points.get()).sum();
        assert_eq!(sum, totals.get(&member.id()).copied().unwrap_or_default(), "{member:?}");
        let seqs: Vec<i64> = entries.iter().rev().map(|entry| entry.seq).collect();
        assert_eq!(seqs, (1..=i64::try_from(entries.len())?).collect::<Vec<_>>(), "{member:?} has a gap");
        for entry in entries {
            let submission = entry.submission_id.context("an entry without a submission")?.to_string();
            ensure!(found.insert(submission.clone(), entry.points.get()).is_none(), "{submission} was counted twice");
        }
    }
    assert_eq!(found, wanted, "what was counted, and what was taken");
    t.verify().await
}

async fn sigterm_ends_every_process_in_good_order(t: GuildTest) -> Result<()> {
    let _alone = alone(t.stack().kind()).await;
    t.season("Autumn").await?;
    t.item("Iron Ore", 10).await?;
    t.rank("Rookie", 30, Some("Rookie")).await?;
    let mira = t.member("mira").await?;
    let request = mira.submission("Iron Ore", 1).await?;
    let mut taken = 0;
    for name in t.stack().names() {
        // Something is under way when it is told to end.
        for _ in 0..10 {
            taken += i64::from(mira.api().submit(&request).await.is_ok());
        }
        let began = std::time::Instant::now();
        let status = t.stack().stop(name, ORDERLY).await?;
        assert_eq!(status, 0, "{name} ended with status {status} after {:?}", began.elapsed());
        t.stack().ready().await?;
    }
    until("all that was taken to be counted", async || {
        Ok((t.standings().await? == [("mira".to_owned(), taken * 10)]).then_some(()))
    })
    .await?;
    mira.expect_roles(&["Rookie"]).await
}
