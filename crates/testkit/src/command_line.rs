//! Owns the program's short-lived commands: `verify`, `dead-letters`, `migrate`, `health`.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};

use crate::process::clean;

/// How long a command may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// What a command did.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Its exit status; -1 when a signal ended it.
    pub status: i32,
    /// What it printed.
    pub out: String,
    /// What it complained of.
    pub err: String,
}

impl Ran {
    /// Its output, if it succeeded.
    ///
    /// # Errors
    /// With everything it said, if it did not.
    pub fn ok(self) -> Result<String> {
        ensure!(self.status == 0, "exit status {}: {}{}", self.status, self.out, self.err);
        Ok(self.out)
    }
}

/// The program as cargo built it, beside this test's executable.
///
/// # Errors
/// When it was not built.
pub fn program() -> Result<PathBuf> {
    let test = std::env::current_exe().context("where is this test's executable?")?;
    let beside = test.parent().context("the test is not in a target folder")?;
    // A test lies in `deps`, below what was built.
    let built = if beside.ends_with("deps") { beside.parent().unwrap_or(beside) } else { beside };
    let program = built.join("guildhall");
    ensure!(program.exists(), "{} is missing: run `cargo build` first (scripts/test does)", program.display());
    Ok(program)
}

/// Runs the program with these arguments to its end.
///
/// # Errors
/// When it can't be run, or takes too long.
pub(crate) async fn run(args: &[&str], env: &[(String, String)]) -> Result<Ran> {
    let mut command = clean(&program()?, env);
    let output = command.args(args).stdin(std::process::Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(DEADLINE, output).await;
    let output = output.with_context(|| format!("`guildhall {}` takes longer than {DEADLINE:?}", args.join(" ")))??;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ran { status: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) })
}
