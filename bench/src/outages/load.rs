//! Owns the load: submissions through the REST API at a steady rate, as members would make them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use client::ClientError;
use domain::{CommandId, ItemId};
use guildhall_testkit::{GuildTest, Member};
use messages::api::SubmitRequest;
use rand::{Rng, SeedableRng, rngs::StdRng};
use reqwest::Method;
use tokio::{task::JoinSet, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::recorder::{Attempt, Known, Recorder};

/// Submissions under way at once, and how often each lane makes one: 20 a second in all.
const LANES: u64 = 4;
const PAUSE: Duration = Duration::from_millis(200);
/// The client's patience on half of the lanes. The others wait longer, to see how late an answer comes.
const PATIENCE: Duration = Duration::from_secs(2);
const LONG_PATIENCE: Duration = Duration::from_secs(10);

/// Reads under way at once, and the pause after each.
const READERS: usize = 2;
const READ_PAUSE: Duration = Duration::from_millis(5);

/// A guild in which things are handed in.
#[derive(Clone)]
pub struct Scene {
    pub guild: GuildTest,
    pub members: Arc<Vec<Member>>,
    pub item: ItemId,
    pub recorder: Arc<Recorder>,
}

/// Sends one deed once, and records what is known of it then.
pub async fn attempt(scene: &Scene, member: &Member, key: &str, quantity: i64, patience: Duration) -> Result<Known> {
    let user = member.id();
    let note = Some(key.to_owned());
    let deed = SubmitRequest { user_id: None, season_id: None, item_id: scene.item, quantity, note };
    scene.recorder.tries(user, key, quantity)?;
    let began = Instant::now();
    let request = scene.guild.request(Method::POST, "/submissions").bot(user).key(key);
    let sent = tokio::time::timeout(patience, request.json(&serde_json::to_value(&deed)?).send()).await;
    let (known, answer) = match sent {
        Err(_) => (Known::Unknown, "none".to_owned()),
        Ok(Err(error)) => {
            let refused = error.chain().filter_map(|cause| cause.downcast_ref::<reqwest::Error>());
            let refused = refused.into_iter().any(reqwest::Error::is_connect);
            (if refused { Known::Failed } else { Known::Unknown }, format!("{error:#}"))
        }
        Ok(Ok(answer)) => {
            let known = match (answer.status, answer.code()) {
                (202, _) => {
                    let id = answer.body["command_id"].as_str().context("accepted without a command id")?;
                    Known::Ok(CommandId::new(id.parse()?))
                }
                (503, "unknown" | "timed_out") => Known::Unknown,
                (503 | 429, _) => Known::Failed,
                _ => bail!("{key}: an answer that nobody may get: {answer:?}"),
            };
            (known, format!("{} {}", answer.status, answer.code()))
        }
    };
    let took = began.elapsed();
    scene.recorder.knows(Attempt { user, key: key.to_owned(), quantity, known, took, answer })?;
    Ok(known)
}

/// A running load.
pub struct Load {
    lanes: JoinSet<Result<()>>,
    stop: CancellationToken,
    longest_read: Arc<AtomicU64>,
}

impl Load {
    pub fn start(scene: &Scene, seed: u64) -> Self {
        let stop = CancellationToken::new();
        let longest_read = Arc::new(AtomicU64::new(0));
        let mut lanes = JoinSet::new();
        for lane in 0..LANES {
            let (scene, stop) = (scene.clone(), stop.clone());
            let mut random = StdRng::seed_from_u64(seed.wrapping_mul(LANES).wrapping_add(lane));
            let patience = if lane % 2 == 0 { PATIENCE } else { LONG_PATIENCE };
            lanes.spawn(async move {
                let mut clock = tokio::time::interval(PAUSE);
                clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
                for number in 0.. {
                    tokio::select! { _ = clock.tick() => {}, () = stop.cancelled() => break }
                    let member = &scene.members[random.random_range(0..scene.members.len())];
                    let key = format!("lane {lane} deed {number}");
                    attempt(&scene, member, &key, random.random_range(1..=3), patience).await?;
                }
                Ok(())
            });
        }
        for _ in 0..READERS {
            lanes.spawn(read(scene.clone(), stop.clone(), Arc::clone(&longest_read)));
        }
        Self { lanes, stop, longest_read }
    }

    /// Ends it, and tells how long the longest read took.
    pub async fn stop(mut self) -> Result<Duration> {
        self.stop.cancel();
        while let Some(lane) = self.lanes.join_next().await {
            lane??;
        }
        Ok(Duration::from_millis(self.longest_read.load(Ordering::Relaxed)))
    }
}

/// Reads again and again, so that some read is nearly always under way when a fault strikes.
async fn read(scene: Scene, stop: CancellationToken, longest: Arc<AtomicU64>) -> Result<()> {
    while !stop.is_cancelled() {
        let began = Instant::now();
        let read = scene.guild.request(Method::GET, "/seasons/current").bot(scene.members[0].id()).send();
        if let Ok(Ok(answer)) = tokio::time::timeout(LONG_PATIENCE, read).await
            && ![200, 503].contains(&answer.status)
        {
            bail!("a read was answered with {answer:?}");
        }
        longest.fetch_max(began.elapsed().as_millis() as u64, Ordering::Relaxed);
        tokio::time::sleep(READ_PAUSE).await;
    }
    Ok(())
}

/// Hands in until one is applied; tells how long that took.
pub async fn until_applied(scene: &Scene, name: &str, patience: Duration) -> Result<Option<Duration>> {
    let began = Instant::now();
    let officer = scene.guild.officer()?;
    for number in 0.. {
        let known = attempt(scene, &scene.members[0], &format!("{name} {number}"), 1, PATIENCE).await?;
        while let Known::Ok(command) = known {
            match officer.outcome(command).await {
                Ok(_) => return Ok(Some(began.elapsed())),
                Err(error) if error.code() == Some("not_applied_yet") || ClientError::is_passing(&error) => {}
                Err(error) => return Err(error.into()),
            }
            if began.elapsed() > patience {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if began.elapsed() > patience {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(None)
}
