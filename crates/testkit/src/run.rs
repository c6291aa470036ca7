//! Owns how one test is run: on the runtime that everything in this process shares, in a guild of its own, judged at
//! its end.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, LazyLock},
};

use anyhow::{Context, Result};
use tokio::runtime::Runtime;

use crate::{GuildTest, Kind, Stack};

static RUNTIME: LazyLock<std::io::Result<Runtime>> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build());

/// Why a test failed: the whole chain of causes in one text, without the harness's own calls.
pub struct Failed(String);

impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        Self(format!("{error:#}"))
    }
}

/// Runs a test in a guild of its own on a stack of that kind, then judges what it left behind.
///
/// # Errors
/// When the test fails, or left something undone; the ends of the logs are printed.
pub fn run<T>(kind: Kind, name: &str, test: T) -> Result<(), Failed>
where
    T: AsyncFnOnce(GuildTest) -> Result<()>,
{
    let runtime = RUNTIME.as_ref().map_err(|error| anyhow::anyhow!("no runtime: {error}"))?;
    let stack = runtime.block_on(Stack::shared(kind))?;
    let guild = GuildTest::new(Arc::clone(&stack))?;
    let topic = guild.id().to_string();
    let whole = async {
        test(guild.clone()).await?;
        guild.judge().await.context("after the test")
    };
    let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(whole)));
    if !matches!(ended, Ok(Ok(()))) {
        stack.keep_logs();
        eprintln!("==== {}::{name}, guild {topic}\n{}", kind.name(), stack.logs().tail());
    }
    Ok(ended.unwrap_or_else(|panic| resume_unwind(panic))?)
}
