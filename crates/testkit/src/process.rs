//! Owns the program's processes: starting them so that they can't outlive the test process, signals, and how they ended.
//!
//! Each is the child of a small shell, its keeper, which reads orders from a pipe that the test process holds. When the
//! test process ends, in whatever way, the pipe closes and the keeper kills its child.

use std::{
    fs::OpenOptions,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::watch,
};

/// `sh -c KEEPER keeper LOG PROGRAM ARGS…`: tells the child's pid, then how it ended.
const KEEPER: &str = r#"
exec 3<&0
log=$1
shift
"$@" >>"$log" 2>&1 </dev/null 3<&- &
pid=$!
echo "$pid"
( while read -r signal <&3; do kill -s "$signal" "$pid"; done; kill -s KILL "$pid" ) 2>/dev/null &
watcher=$!
wait "$pid"
status=$?
kill "$watcher" 2>/dev/null
echo "$status"
"#;

/// A running process of the program.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: u32,
    log: PathBuf,
    orders: ChildStdin,
    status: watch::Receiver<Option<i32>>,
    _keeper: Child,
}

impl Process {
    /// Starts `program`; its output goes to the end of `log`.
    ///
    /// # Errors
    /// When it can't be started.
    pub async fn start(
        name: &str,
        program: &Path,
        args: &[&str],
        env: &[(String, String)],
        log: &Path,
    ) -> Result<Self> {
        OpenOptions::new().create(true).append(true).open(log).with_context(|| format!("{}", log.display()))?;
        let mut keeper = clean(Path::new("/bin/sh"), env)
            .args(["-c", KEEPER, "keeper"])
            .arg(log)
            .arg(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Where a shell says "Killed".
            .stderr(Stdio::null())
            .spawn()
            .context("no shell to keep a process")?;
        let orders = keeper.stdin.take().context("the keeper has no stdin")?;
        let mut lines = BufReader::new(keeper.stdout.take().context("the keeper has no stdout")?).lines();
        let pid = lines.next_line().await?.context("the keeper ended at once")?;
        let pid = pid.trim().parse().with_context(|| format!("the keeper told {pid:?} as a pid"))?;
        let (tell, status) = watch::channel(None);
        tokio::spawn(async move {
            // A keeper that is gone without a word was killed, and its child with it.
            let told = lines.next_line().await.ok().flatten().and_then(|line| line.trim().parse().ok());
            tell.send_replace(Some(told.unwrap_or(-1)));
        });
        Ok(Self { name: name.to_owned(), pid, log: log.to_owned(), orders, status, _keeper: keeper })
    }

    /// The process's own id.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// The file its output goes to.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// How it ended, as a shell tells it (128 and more: by a signal); `None` while it runs.
    #[must_use]
    pub fn ended(&self) -> Option<i32> {
        *self.status.borrow()
    }

    /// Sends it a signal, such as `KILL` or `TERM`.
    ///
    /// # Errors
    /// When it has ended already.
    pub async fn signal(&mut self, signal: &str) -> Result<()> {
        let order = format!("{signal}\n");
        let sent = self.orders.write_all(order.as_bytes()).await;
        sent.with_context(|| format!("{} (pid {}) can't be sent SIG{signal}", self.name, self.pid))
    }

    /// Waits for its end and tells how it ended.
    ///
    /// # Errors
    /// When it still runs after that time.
    pub async fn end(&mut self, within: Duration) -> Result<i32> {
        match tokio::time::timeout(within, self.status.wait_for(Option::is_some)).await {
            Ok(Ok(status)) => Ok(status.unwrap_or(-1)),
            Ok(Err(_)) => bail!("nobody knows how {} ended", self.name),
            Err(_) => bail!("{} (pid {}) did not end within {} s", self.name, self.pid, within.as_secs()),
        }
    }

    /// Ends it as a crash would, and waits until it is gone.
    ///
    /// # Errors
    /// When it has ended before.
    pub async fn kill(&mut self) -> Result<()> {
        self.signal("KILL").await?;
        self.end(Duration::from_secs(5)).await.map(drop)
    }
}

/// A command with this environment and nothing of the test's own but what finding programs takes.
pub(crate) fn clean(program: &Path, env: &[(String, String)]) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("RUST_BACKTRACE", "1");
    command.envs(env.iter().map(|(name, value)| (name, value)));
    command
}
