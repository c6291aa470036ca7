//! Owns the judgement: what the record says against what the system counted.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Result;
use broker::Queue;
use client::SubmissionQuery;
use messages::api::{MAX_LIMIT, PageQuery};

use super::{
    load::{Scene, attempt},
    recorder::Known,
};

/// The ladder: a rank at each of these totals, with a role of its name.
pub const LADDER: [i64; 7] = [50, 150, 300, 600, 1_200, 2_400, 4_800];

/// What was counted against the record; ok, failed and unknown by the first answer.
#[derive(Debug, Default)]
pub struct Counts {
    pub ok: usize,
    pub failed: usize,
    pub unknown: usize,
    pub lost: usize,
    pub doubled: usize,
}

pub fn rank(threshold: i64) -> String {
    format!("Rank {threshold}")
}

/// Repeats half of what nobody knows of, with the same key: that counts once, whether or not the first try did.
pub async fn repeat_unknown(scene: &Scene) -> Result<()> {
    let attempts = scene.recorder.attempts();
    let unknown = attempts.iter().filter(|attempt| attempt.known == Known::Unknown);
    for unknown in unknown.step_by(2) {
        let member = scene.members.iter().find(|member| member.id() == unknown.user);
        if let Some(member) = member {
            for _ in 0..2 {
                attempt(scene, member, &unknown.key, unknown.quantity, Duration::from_secs(5)).await?;
            }
        }
    }
    Ok(())
}

/// Waits until everything that was accepted has an outcome; what has none is found missing later.
pub async fn all_applied(scene: &Scene, patience: Duration) -> Result<()> {
    let deadline = Instant::now() + patience;
    let officer = scene.guild.officer()?;
    for attempt in scene.recorder.attempts() {
        let Known::Ok(command) = attempt.known else { continue };
        loop {
            match officer.outcome(command).await {
                Ok(_) => break,
                Err(error) if error.code() == Some("not_applied_yet") || error.is_passing() => {}
                Err(error) => return Err(error.into()),
            }
            if Instant::now() > deadline {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

/// Every ok counted once, every failed never, every unknown at most once; nothing else counted.
pub async fn count(scene: &Scene, broken: &mut Vec<String>) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for member in scene.members.iter() {
        let mut entries: BTreeMap<String, i64> = BTreeMap::new();
        let all = member.entries().await?;
        for entry in &all {
            let submission = entry.submission_id.map(|id| id.to_string()).unwrap_or_default();
            if entries.insert(submission.clone(), entry.points.get()).is_some() {
                broken.push(format!("submission {submission} has two entries"));
            }
        }
        let mut query = SubmissionQuery { user_id: Some(member.id()), ..SubmissionQuery::default() };
        query.page = PageQuery { limit: Some(MAX_LIMIT), cursor: None };
        loop {
            let page = scene.guild.officer()?.submissions(&query).await?;
            for submission in page.items {
                if entries.remove(&submission.id.to_string()) != Some(submission.points.get()) {
                    broken.push(format!("submission {} has no entry of its points", submission.id));
                }
                *counted.entry(submission.note.unwrap_or_default()).or_default() += 1;
            }
            match page.next_cursor {
                Some(next) => query.page.cursor = Some(next),
                None => break,
            }
        }
        if !entries.is_empty() {
            broken.push(format!("{member:?} has entries of no submission: {entries:?}"));
        }
        let points = scene.guild.officer()?.summary(member.id(), None).await?.points.get();
        let sum: i64 = all.iter().map(|entry| entry.points.get()).sum();
        if points != sum {
            broken.push(format!("{member:?} stands at {points}, their entries come to {sum}"));
        }
    }
    // What is known in the end of a key that was repeated: ok when one of its answers was, unknown when one was.
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    for attempt in scene.recorder.attempts() {
        let Some(before) = known.get(&attempt.key) else {
            match attempt.known {
                Known::Ok(_) => counts.ok += 1,
                Known::Failed => counts.failed += 1,
                Known::Unknown => counts.unknown += 1,
            }
            known.insert(attempt.key, attempt.known);
            continue;
        };
        let best = match (*before, attempt.known) {
            (Known::Ok(id), _) | (_, Known::Ok(id)) => Known::Ok(id),
            (Known::Unknown, _) | (_, Known::Unknown) => Known::Unknown,
            _ => Known::Failed,
        };
        known.insert(attempt.key, best);
    }
    for (key, known) in known {
        let times = counted.remove(&key).unwrap_or_default();
        match (known, times) {
            (Known::Ok(_), 0) => {
                counts.lost += 1;
                broken.push(format!("{key:?} was accepted and is lost"));
            }
            (Known::Failed, 1..) => broken.push(format!("{key:?} was refused and is counted")),
            (_, 2..) => {
                counts.doubled += 1;
                broken.push(format!("{key:?} is counted {times} times"));
            }
            _ => {}
        }
    }
    if !counted.is_empty() {
        broken.push(format!("counted, and nobody tried it: {counted:?}"));
    }
    Ok(counts)
}

/// Waits until every member's roles are what the ladder gives for their points.
pub async fn roles(scene: &Scene, patience: Duration) -> Result<Option<Duration>> {
    let began = Instant::now();
    loop {
        let mut all = true;
        for member in scene.members.iter() {
            let points = scene.guild.officer()?.summary(member.id(), None).await?.points.get();
            let wanted = LADDER.iter().filter(|at| **at <= points).map(|at| rank(*at)).collect();
            all &= member.roles().await? == wanted;
        }
        if all {
            return Ok(Some(began.elapsed()));
        }
        if began.elapsed() > patience {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// No message that did nothing wrong was put aside, and nothing panicked.
pub async fn clean(scene: &Scene, broken: &mut Vec<String>) -> Result<()> {
    for queue in Queue::ALL {
        let depth = scene.guild.stack().broker().depth(queue).await?;
        if depth.dead > 0 {
            broken.push(format!("{} dead letters of {queue:?}", depth.dead));
        }
    }
    let panics = scene.guild.stack().logs().panics();
    if !panics.is_empty() {
        broken.push(format!("panics: {panics:?}"));
    }
    Ok(())
}
