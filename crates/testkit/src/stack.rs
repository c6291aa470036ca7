//! Owns a running system: the simulated Discord in this process, and the program's own processes around real storage
//! and a real broker.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use broker::{AmqpConfig, Broker};
use client::{Client, Credential};
use store::Store;
use tokio::sync::{Mutex, OnceCell};

use crate::{
    command_line::{self, Ran},
    discord::Discord,
    logs::Logs,
    process::Process,
    recipe::{self, Recipe, Secrets, pair},
    services::Services,
    tamper,
    time::until_within,
};

/// How long the system may take to be ready.
const START: Duration = Duration::from_secs(30);

/// What a process beside those of the recipe is called.
const ANOTHER: &str = "another";

/// Which stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One process with SQLite and the embedded queue.
    Embedded,
    /// `api`, `bot` and two `worker`s on PostgreSQL and RabbitMQ.
    Scaled,
}

impl Kind {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Scaled => "scaled",
        }
    }
}

/// What a stack of one's own has of its own; by default it is like all others.
#[derive(Debug, Default)]
pub struct Own {
    /// The URLs of a PostgreSQL and a RabbitMQ for it, in place of those that the environment names. It finds a
    /// database of its own on the former.
    pub services: Option<(String, String)>,
    /// The data folder of the embedded stack.
    pub data: Option<PathBuf>,
    /// Where the API listens.
    pub api: Option<SocketAddr>,
    /// What single processes are told otherwise: process, variable, value. `{database}` stands for the database's name.
    pub told: Vec<(&'static str, String, String)>,
}

/// A running system.
pub struct Stack {
    kind: Kind,
    discord: Discord,
    recipes: Vec<Recipe>,
    processes: Mutex<Vec<Process>>,
    logs: Logs,
    secrets: Secrets,
    common: Vec<(String, String)>,
    store: Store,
    broker: Broker,
    api: Client,
    http: reqwest::Client,
    folder: PathBuf,
    services: Option<Services>,
}

impl Stack {
    /// The stack of this kind that all tests of this process share.
    ///
    /// # Errors
    /// When it can't be started; then every test fails, for the same reason.
    pub async fn shared(kind: Kind) -> Result<Arc<Self>> {
        static EMBEDDED: OnceCell<Result<Arc<Stack>, String>> = OnceCell::const_new();
        static SCALED: OnceCell<Result<Arc<Stack>, String>> = OnceCell::const_new();
        let cell = match kind {
            Kind::Embedded => &EMBEDDED,
            Kind::Scaled => &SCALED,
        };
        let start =
            async || Self::start(kind, Own::default()).await.map(Arc::new).map_err(|error| format!("{error:#}"));
        match cell.get_or_init(start).await {
            Ok(stack) => Ok(Arc::clone(stack)),
            Err(why) => bail!("the {} stack does not start: {why}", kind.name()),
        }
    }

    /// A stack that nobody else uses. It ends when dropped.
    ///
    /// # Errors
    /// When it can't be started.
    pub async fn start(kind: Kind, own: Own) -> Result<Self> {
        let folder = folder(kind)?;
        let data = own.data.unwrap_or_else(|| folder.join("data"));
        let services = match (kind, own.services) {
            (Kind::Embedded, _) => None,
            (Kind::Scaled, None) => Some(Services::take().await?),
            (Kind::Scaled, Some((database, amqp))) => Some(Services::take_these(database, amqp).await?),
        };
        let api = own.api.map_or_else(recipe::free_address, Ok)?;
        let discord = Discord::start().await?;
        let sim = discord.sim();
        let ca = folder.join("discord-ca.pem");
        fs::write(&ca, sim.ca_pem())?;
        let secrets = Secrets::made(sim.token());
        let common = recipe::common(services.as_ref(), &data, &secrets);
        let reach = [
            pair("DISCORD_TOKEN", sim.token()),
            pair("DISCORD_API_ADDR", sim.rest_addr()),
            pair("DISCORD_API_CA", ca.display()),
        ];
        let mut recipes = recipe::processes(kind, &common, reach, api)?;
        for (process, variable, value) in own.told {
            let recipe = recipes.iter_mut().find(|recipe| recipe.name == process);
            let database = services.as_ref().and_then(|services| services.database_url.rsplit('/').next());
            let value = value.replace("{database}", database.unwrap_or_default());
            recipe.with_context(|| format!("no process is called {process}"))?.env.push((variable, value));
        }
        if services.is_some() {
            command_line::run(&["migrate"], &common).await?.ok().context("guildhall migrate")?;
        }
        let names = recipes.iter().map(|recipe| recipe.name).chain([ANOTHER]);
        let logs = Logs { files: names.map(|name| (name.to_owned(), log(&folder, name))).collect() };
        let mut processes = Vec::new();
        for recipe in &recipes {
            processes.push(launch(recipe, &folder).await?);
        }
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(15)).build()?;
        for (recipe, process) in recipes.iter().zip(&processes) {
            ready(&http, recipe, process).await?;
        }
        sim.wait_for_bot(START).await.with_context(|| logs.tail())?;
        let (store, broker) = match &services {
            None => (Store::sqlite(&data.join("guildhall.db")).await?, Broker::embedded(&data.join("queue.db")).await?),
            Some(services) => {
                (Store::postgres(&services.database_url, 4)?, Broker::amqp(AmqpConfig::new(&services.amqp_url)).await?)
            }
        };
        let base = recipes.first().context("a stack without processes")?.address;
        let api = Client::new(&format!("http://{base}"), Credential::BotKey(secrets.bot_key.clone()))?;
        let processes = Mutex::new(processes);
        Ok(Self {
            kind,
            discord,
            recipes,
            processes,
            logs,
            secrets,
            common,
            store,
            broker,
            api,
            http,
            folder,
            services,
        })
    }

    /// Which stack it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The simulated Discord.
    #[must_use]
    pub const fn discord(&self) -> &Discord {
        &self.discord
    }

    /// The API with the bot's key.
    #[must_use]
    pub const fn api(&self) -> &Client {
        &self.api
    }

    /// Plain HTTP.
    #[must_use]
    pub const fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The store, for looking inside; tests don't write to it.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Changes the store behind the program's back, as a broken disk or a careless hand would; gives the rows touched.
    ///
    /// # Errors
    /// When the database refuses it.
    pub async fn tamper(&self, sql: &'static str) -> Result<u64> {
        match &self.services {
            None => tamper::sqlite(&self.folder.join("data").join("guildhall.db"), sql).await,
            Some(services) => tamper::postgres(&services.database_url, sql).await,
        }
    }

    /// What the program's processes are told in an environment variable that they share, such as `DATABASE_URL`.
    ///
    /// # Errors
    /// When they are told nothing in it.
    pub fn setting(&self, name: &str) -> Result<&str> {
        let set = self.common.iter().find(|(set, _)| set == name).map(|(_, value)| value.as_str());
        set.with_context(|| format!("{name} is not set on the {} stack", self.kind.name()))
    }

    /// The broker, for messages that the program itself would not send.
    #[must_use]
    pub const fn broker(&self) -> &Broker {
        &self.broker
    }

    /// The logs so far.
    #[must_use]
    pub const fn logs(&self) -> &Logs {
        &self.logs
    }

    /// Keeps the logs for whoever looks into a failure.
    pub(crate) fn keep_logs(&self) {
        // Without the mark they are only kept for less long.
        _ = fs::write(self.folder.join(FAILED), "");
    }

    /// The bot's token, its key, and what signs personal tokens, in that order.
    #[must_use]
    pub fn secrets(&self) -> [&str; 3] {
        [&self.secrets.bot_token, &self.secrets.bot_key, &self.secrets.jwt_secret]
    }

    /// The names of the processes.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.recipes.iter().map(|recipe| recipe.name).collect()
    }

    /// Where a process answers for its health.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn address(&self, name: &str) -> Result<SocketAddr> {
        self.recipe(name).map(|recipe| recipe.address)
    }

    /// The address of the API, as `http://…`.
    #[must_use]
    pub fn api_url(&self) -> String {
        self.recipes.first().map(|recipe| format!("http://{}", recipe.address)).unwrap_or_default()
    }

    fn recipe(&self, name: &str) -> Result<&Recipe> {
        self.recipes.iter().find(|recipe| recipe.name == name).with_context(|| format!("no process is called {name}"))
    }

    /// Runs one of the program's commands on this stack's storage, such as `["verify"]`.
    ///
    /// # Errors
    /// When it can't be run.
    pub async fn guildhall(&self, args: &[&str]) -> Result<Ran> {
        command_line::run(args, &self.common).await
    }

    /// Kills a process as a crash would, and starts it again; it may take a moment to be ready.
    ///
    /// # Errors
    /// When it had ended by itself, or can't be started.
    pub async fn crash(&self, name: &str) -> Result<()> {
        let mut processes = self.processes.lock().await;
        let process = self.find(&mut processes, name)?;
        ensure!(process.ended().is_none(), "{name} had ended by itself:\n{}", self.logs.tail());
        process.kill().await?;
        *process = launch(self.recipe(name)?, &self.folder).await?;
        Ok(())
    }

    /// Asks a process to end (SIGTERM), tells how it ended, and starts it again.
    ///
    /// # Errors
    /// When it does not end within that time.
    pub async fn stop(&self, name: &str, within: Duration) -> Result<i32> {
        let mut processes = self.processes.lock().await;
        let process = self.find(&mut processes, name)?;
        process.signal("TERM").await?;
        let status = process.end(within).await.with_context(|| self.logs.tail())?;
        *process = launch(self.recipe(name)?, &self.folder).await?;
        Ok(status)
    }

    /// Waits until every process is ready and the bot is connected.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn ready(&self) -> Result<()> {
        let processes = self.processes.lock().await;
        for (recipe, process) in self.recipes.iter().zip(processes.iter()) {
            ready(&self.http, recipe, process).await?;
        }
        self.discord.sim().wait_for_bot(START).await.map(drop)
    }

    /// Starts one more process, beside the others: `args` as in the recipe of `like`, with another environment on top.
    /// Whoever asked for it ends it.
    ///
    /// # Errors
    /// When it can't be started or is not ready in time.
    pub async fn another(&self, like: &str, env: &[(&str, String)]) -> Result<(Process, SocketAddr)> {
        let address = recipe::free_address()?;
        let mut recipe = self.recipe(like)?.clone();
        recipe.address = address;
        let own = ["GUILDHALL_LISTEN", "GUILDHALL_HEALTH_LISTEN"].map(|name| pair(name, address));
        recipe.env.extend(own);
        recipe.env.extend(env.iter().map(|(name, value)| pair(name, value)));
        recipe.name = ANOTHER;
        let process = launch(&recipe, &self.folder).await?;
        ready(&self.http, &recipe, &process).await?;
        Ok((process, address))
    }

    fn find<'p>(&self, processes: &'p mut [Process], name: &str) -> Result<&'p mut Process> {
        let index = self.recipes.iter().position(|recipe| recipe.name == name);
        index.and_then(|index| processes.get_mut(index)).with_context(|| format!("no process is called {name}"))
    }
}

fn log(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.log"))
}

async fn launch(recipe: &Recipe, folder: &Path) -> Result<Process> {
    let log = log(folder, recipe.name);
    Process::start(recipe.name, &command_line::program()?, &recipe.args, &recipe.env, &log).await
}

async fn ready(http: &reqwest::Client, recipe: &Recipe, process: &Process) -> Result<()> {
    let url = format!("http://{}/ready", recipe.address);
    let last = std::sync::Mutex::new(String::new());
    let waited = until_within(START, "an answer of 200", async || {
        if let Some(status) = process.ended() {
            bail!("it ended with status {status}");
        }
        let answer = match http.get(&url).timeout(Duration::from_secs(3)).send().await {
            Ok(answer) if answer.status().is_success() => return Ok(Some(())),
            Ok(answer) => answer.text().await.unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        if let Ok(mut last) = last.lock() {
            *last = answer;
        }
        Ok(None)
    });
    waited.await.with_context(|| {
        let last = last.lock().map(|last| last.clone()).unwrap_or_default();
        let log = fs::read_to_string(process.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(20)..].join("\n");
        format!("{} is not ready ({last}); the end of its log, {}:\n{tail}", recipe.name, process.log().display())
    })
}

/// Marks the folder of a stack on which a test failed.
const FAILED: &str = "failed";

/// A fresh folder for a stack of this test process under the target folder. It stays for whoever wants to read the
/// logs: until another test begins, or after a failure until the same one does.
fn folder(kind: Kind) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let test = test.file_name().and_then(|name| name.to_str()).context("a test without a name")?;
    // Without the hash that cargo appends.
    let name = format!("{}-{}", test.rsplit_once('-').map_or(test, |(name, _)| name), kind.name());
    let target = command_line::program()?;
    let target = target.parent().and_then(Path::parent).context("a program outside a target folder")?;
    let all = target.join("tmp").join("guildhall-testkit");
    fs::create_dir_all(&all)?;
    for entry in fs::read_dir(&all)?.flatten() {
        let path = entry.path();
        let part = |part: Option<&std::ffi::OsStr>| part.and_then(|part| part.to_str()).unwrap_or_default().to_owned();
        let (stem, pid) = (part(path.file_stem()), part(path.extension()));
        let over = !Path::new("/proc").join(pid).exists();
        if over && (stem == name || !path.join(FAILED).exists()) {
            // Another test process may be removing it as well.
            _ = fs::remove_dir_all(&path);
        }
    }
    let folder = all.join(format!("{name}.{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
