//! Owns the record of what was tried, outside the system: each attempt is on disk before it is made, and its answer
//! before the next one.

use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Result;
use domain::{CommandId, UserId};
use serde_json::json;

/// What the client knows of one deed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It was taken, as this command.
    Ok(CommandId),
    /// Surely not taken.
    Failed,
    /// Nobody knows.
    Unknown,
}

/// One deed that was tried, and what came back.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub user: UserId,
    /// Its `Idempotency-Key`, which is its note too.
    pub key: String,
    pub quantity: i64,
    pub known: Known,
    pub took: Duration,
    /// The answer in words, such as `503 not_taken`.
    pub answer: String,
}

/// All that was tried in one run.
pub struct Recorder {
    inner: Mutex<(File, Vec<Attempt>)>,
}

impl Recorder {
    pub fn new(file: &Path) -> Result<Self> {
        Ok(Self { inner: Mutex::new((File::options().create(true).append(true).open(file)?, Vec::new())) })
    }

    fn lock(&self) -> MutexGuard<'_, (File, Vec<Attempt>)> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before it is sent.
    pub fn tries(&self, user: UserId, key: &str, quantity: i64) -> Result<()> {
        let mut inner = self.lock();
        writeln!(inner.0, "{}", json!({"tries": key, "user": user.to_string(), "quantity": quantity}))?;
        Ok(inner.0.sync_data()?)
    }

    /// When it is answered, or given up.
    pub fn knows(&self, attempt: Attempt) -> Result<()> {
        let mut inner = self.lock();
        let known = format!("{:?}", attempt.known);
        let took = attempt.took.as_millis() as u64;
        writeln!(inner.0, "{}", json!({"knows": attempt.key, "known": known, "answer": attempt.answer, "ms": took}))?;
        inner.0.sync_data()?;
        inner.1.push(attempt);
        Ok(())
    }

    /// Everything so far, in the order of the answers.
    pub fn attempts(&self) -> Vec<Attempt> {
        self.lock().1.clone()
    }
}
