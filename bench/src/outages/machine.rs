//! Owns the PostgreSQL and RabbitMQ under fault: made by `scripts/services start`, frozen, killed and started again by
//! their own pids.
//!
//! A small shell keeps them: when this process ends, in whatever way, its pipe closes and the shell ends them.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdin, Command},
};

/// `sh -c KEEPER keeper SERVICES DIR`. What is frozen is woken, since it could not end otherwise.
const KEEPER: &str = r#"
"$1" start "$2" </dev/null || exit 1
echo started
read -r _
for name in rabbitmq postgres; do kill -s CONT -- "-$(cut -d' ' -f1 "$2/$name.pid")" 2>/dev/null; done
"$1" stop "$2"
"#;

/// How long a service may take to start again, and to be gone.
const START: Duration = Duration::from_secs(60);

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Database,
    Broker,
}

impl Service {
    const fn name(self) -> &'static str {
        match self {
            Self::Database => "postgres",
            Self::Broker => "rabbitmq",
        }
    }
}

/// A PostgreSQL and a RabbitMQ that nobody else uses.
pub struct Machine {
    dir: PathBuf,
    pub database_url: String,
    pub amqp_url: String,
    postgres: PathBuf,
    children: Vec<Child>,
    keeper: Child,
    pipe: Option<ChildStdin>,
}

impl Machine {
    /// Starts both.
    pub async fn start() -> Result<Self> {
        let dir = std::env::temp_dir().join(format!("guildhall-outages.{}", std::process::id()));
        let services = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/services");
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .args([&services, &dir])
            .env_remove("TEST_DATABASE_URL")
            .env_remove("TEST_AMQP_URL")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // An interrupt at the terminal ends us, and the keeper after us.
            .process_group(0)
            .spawn()?;
        let pipe = keeper.stdin.take();
        let mut lines = BufReader::new(keeper.stdout.take().context("no stdout")?).lines();
        let (mut database_url, mut amqp_url) = (String::new(), String::new());
        loop {
            let line = lines.next_line().await?.context("scripts/services start failed")?;
            match line.split_once('=') {
                Some(("export TEST_DATABASE_URL", url)) => database_url = url.to_owned(),
                Some(("export TEST_AMQP_URL", url)) => amqp_url = url.to_owned(),
                _ if line == "started" => break,
                _ => {}
            }
        }
        let mut machine =
            Self { dir, database_url, amqp_url, postgres: PathBuf::new(), children: Vec::new(), keeper, pipe };
        machine.postgres = fs::read_link(format!("/proc/{}/exe", machine.pid(Service::Database)?))?;
        Ok(machine)
    }

    /// Ends both.
    pub async fn stop(mut self) -> Result<()> {
        drop(self.pipe.take());
        ensure!(self.keeper.wait().await?.success(), "scripts/services stop failed");
        Ok(())
    }

    fn pid_file(&self, service: Service) -> PathBuf {
        self.dir.join(format!("{}.pid", service.name()))
    }

    fn pid(&self, service: Service) -> Result<u32> {
        let text = fs::read_to_string(self.pid_file(service))?;
        text.split(' ').next().and_then(|pid| pid.parse().ok()).with_context(|| format!("no pid in {text:?}"))
    }

    /// Stops every process of a service where it is, without anybody being told.
    pub fn freeze(&self, service: Service) -> Result<()> {
        // Twice, for children that were just made.
        for _ in 0..2 {
            signal("STOP", &family(self.pid(service)?)?)?;
        }
        Ok(())
    }

    /// Lets it go on.
    pub fn thaw(&self, service: Service) -> Result<()> {
        signal("CONT", &family(self.pid(service)?)?)
    }

    /// Ends a service at once: `kill -9`, or PostgreSQL's own "immediate", which is as hard to its data but leaves no
    /// shared memory behind. Returns when all of it is gone.
    pub async fn kill(&self, service: Service) -> Result<()> {
        let pid = self.pid(service)?;
        let family = family(pid)?;
        match service {
            Service::Database => signal("QUIT", &BTreeSet::from([pid]))?,
            Service::Broker => signal("KILL", &family)?,
        }
        let deadline = Instant::now() + START;
        while family.iter().any(|pid| status(*pid).is_some()) {
            ensure!(Instant::now() < deadline, "{} does not end", service.name());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Starts a service again on the same port and folder. Returns when it takes connections.
    pub async fn restart(&mut self, service: Service) -> Result<()> {
        let log = self.dir.join(format!("{}.log", service.name()));
        let started = |text: &str| text.matches("Server startup complete").count();
        let before = started(&fs::read_to_string(&log).unwrap_or_default());
        let mut command = match service {
            Service::Database => self.postgres()?,
            Service::Broker => self.rabbitmq()?,
        };
        let out = OpenOptions::new().create(true).append(true).open(&log)?;
        command.stdin(Stdio::null()).stderr(out.try_clone()?).stdout(out).process_group(0);
        let mut child = command.spawn()?;
        let pid = child.id().context("it ended at once")?;
        let signal = if service == Service::Database { "INT" } else { "TERM" };
        let since = status(pid).context("it ended at once")?.started;
        // As scripts/services does, which ends it one day.
        fs::write(self.pid_file(service), format!("{pid} {since} {signal}\n"))?;
        let deadline = Instant::now() + START;
        loop {
            let ready = match service {
                Service::Database => {
                    let told = fs::read_to_string(self.dir.join("postgres/data/postmaster.pid")).unwrap_or_default();
                    told.starts_with(&format!("{pid}\n")) && told.lines().any(|line| line.starts_with("ready"))
                }
                Service::Broker => started(&fs::read_to_string(&log)?) > before,
            };
            if ready {
                self.children.push(child);
                return Ok(());
            }
            ensure!(child.try_wait()?.is_none(), "{} does not start again: {}", service.name(), log.display());
            ensure!(Instant::now() < deadline, "{} is not ready again: {}", service.name(), log.display());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn postgres(&self) -> Result<Command> {
        let data = self.dir.join("postgres/data");
        let owner = fs::metadata(&data)?;
        let port = self.database_url.rsplit(':').next().and_then(|rest| rest.split('/').next()).context("no port")?;
        let mut command = Command::new(&self.postgres);
        command.arg("-D").arg(&data).args(["-p", port]);
        if owner.uid() != fs::metadata("/proc/self")?.uid() {
            command.uid(owner.uid()).gid(owner.gid());
        }
        Ok(command)
    }

    /// The same environment as `DIR/rabbitmqctl` has.
    fn rabbitmq(&self) -> Result<Command> {
        let ctl = fs::read_to_string(self.dir.join("rabbitmqctl"))?;
        let script = ctl.replace("exec env ", "exec env -i PATH=\"$PATH\" LANG=C.UTF-8 ");
        let script = script.replace("/rabbitmqctl \"$@\"", "/rabbitmq-server");
        ensure!(script.trim_end().ends_with("/rabbitmq-server"), "DIR/rabbitmqctl is not as it was");
        let mut command = Command::new("sh");
        command.args(["-c", &script]);
        Ok(command)
    }

    /// Runs `rabbitmqctl`.
    pub async fn rabbitmqctl(&self, args: &[&str]) -> Result<()> {
        let out = Command::new(self.dir.join("rabbitmqctl")).args(args).output().await?;
        ensure!(out.status.success(), "rabbitmqctl {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        Ok(())
    }
}

/// What `/proc/PID/stat` tells of a process that is not a zombie.
struct Status {
    parent: u32,
    started: u64,
}

fn status(pid: u32) -> Option<Status> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    if matches!(fields.first(), Some(&("Z" | "X"))) {
        return None;
    }
    Some(Status { parent: fields.get(1)?.parse().ok()?, started: fields.get(19)?.parse().ok()? })
}

/// A process and all that descends from it.
fn family(root: u32) -> Result<BTreeSet<u32>> {
    let all: Vec<(u32, u32)> = fs::read_dir("/proc")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, status(pid)?.parent)))
        .collect();
    let mut family = BTreeSet::from([root]);
    loop {
        let before = family.len();
        let children = all.iter().filter(|(_, parent)| family.contains(parent)).map(|(pid, _)| *pid);
        let children: Vec<u32> = children.collect();
        family.extend(children);
        if family.len() == before {
            return Ok(family);
        }
    }
}

fn signal(signal: &str, pids: &BTreeSet<u32>) -> Result<()> {
    // Some may have ended by themselves meanwhile.
    let pids = pids.iter().map(ToString::to_string);
    std::process::Command::new("kill").args(["-s", signal]).args(pids).stderr(Stdio::null()).status()?;
    Ok(())
}

/// A small file system in memory, for filling it up.
pub struct SmallDisk {
    pub folder: PathBuf,
    _keeper: ChildStdin,
}

impl SmallDisk {
    /// `None` where mounting is not allowed.
    pub async fn mount() -> Result<Option<Self>> {
        const MOUNT: &str = r#"
mkdir -p "$1" && mount -t tmpfs -o size=48m tmpfs "$1" 2>/dev/null || { rmdir "$1"; exit 1; }
echo mounted
read -r _
umount -l "$1" && rmdir "$1"
"#;
        let folder = std::env::temp_dir().join(format!("guildhall-small-disk.{}", std::process::id()));
        let mut keeper = Command::new("sh")
            .args(["-c", MOUNT, "keeper"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let stdin = keeper.stdin.take().context("no stdin")?;
        let mut lines = BufReader::new(keeper.stdout.take().context("no stdout")?).lines();
        let mounted = lines.next_line().await?.is_some();
        Ok(mounted.then_some(Self { folder, _keeper: stdin }))
    }

    /// Takes all the room there is, and keeps taking what becomes free.
    pub fn fill(&self) -> Result<()> {
        let mut ballast = OpenOptions::new().create(true).append(true).open(self.folder.join("ballast"))?;
        for size in [64 * 1024, 4096, 512] {
            let block = vec![0; size];
            loop {
                match ballast.write(&block) {
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    /// Gives it back.
    pub fn empty(&self) -> Result<()> {
        Ok(fs::remove_file(self.folder.join("ballast"))?)
    }
}
