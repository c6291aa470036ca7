//! Owns the small world a test lives in: a store, a broker, the router, and a few people in a guild.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use broker::Broker;
use chrono::TimeDelta;
use domain::{Clock, GuildId, Timestamp, UserId};
use futures::FutureExt;
use guildhall_api::{ApiConfig, ApiState, Secret, router};
use http_body_util::BodyExt;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use store::Store;
use tempfile::TempDir;
use tower::ServiceExt;

/// The bot's key.
pub const BOT_KEY: &str = "a-bot-key-for-tests-only";
/// What signs tokens.
pub const JWT_SECRET: &str = "a-secret-of-32-bytes-or-more-for-tests";
/// The guild most tests are about.
pub const GUILD: u64 = 100;
/// The root admin, who never registers.
pub const ROOT: u64 = 1;
/// A verified member with the officer flag.
pub const OFFICER: u64 = 2;
/// A verified member.
pub const MIRA: u64 = 3;
/// Waits for verification.
pub const PENDING: u64 = 4;
/// Is banned.
pub const BANNED: u64 = 5;
/// Never registered.
pub const STRANGER: u64 = 6;
/// Another verified member.
pub const ODO: u64 = 7;

/// In whose name a request is made.
#[derive(Debug, Clone)]
pub enum As {
    Nobody,
    Bot,
    User(u64),
    Token(String),
}

/// A store, a broker and the router over them.
pub struct World {
    pub app: Router,
    pub state: ApiState,
    pub store: Store,
    pub broker: Broker,
    pub config: ApiConfig,
    ahead_ms: Arc<AtomicI64>,
    database: Option<(String, String)>,
    _dir: TempDir,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Answer {
    /// The problem's code, else the empty text.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// Demands a status; gives the body.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.body
    }

    /// Demands a problem.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.code()), (status, code), "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert!(!self.body["detail"].as_str().unwrap().is_empty());
    }
}

#[expect(clippy::disallowed_methods, reason = "the tests' one look at the real clock")]
fn system_time() -> Timestamp {
    chrono::Utc::now()
}

impl World {
    pub async fn embedded() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::sqlite(&dir.path().join("store.db")).await.unwrap();
        Self::over(store, dir, None).await
    }

    pub async fn scaled() -> Self {
        let url = std::env::var("TEST_DATABASE_URL").expect("TEST_DATABASE_URL: run this under scripts/services");
        let name = format!("guildhall_api_{}", uuid::Uuid::now_v7().simple());
        let mut server = PgConnection::connect(&url).await.unwrap();
        server.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let (base, query) = url.split_once('?').map_or((url.as_str(), String::new()), |(b, q)| (b, format!("?{q}")));
        let own = format!("{}/{name}{query}", base.rsplit_once('/').unwrap().0);
        let store = Store::postgres(&own, 8).unwrap();
        Self::over(store, tempfile::tempdir().unwrap(), Some((url, name))).await
    }

    async fn over(store: Store, dir: TempDir, database: Option<(String, String)>) -> Self {
        store.migrate().await.unwrap();
        let broker = Broker::embedded(&dir.path().join("queue.db")).await.unwrap();
        let ahead_ms = Arc::new(AtomicI64::new(0));
        let ahead = ahead_ms.clone();
        let clock = Clock::new(move || system_time() + TimeDelta::milliseconds(ahead.load(Ordering::Relaxed)));
        let root_admin = Some(user(ROOT));
        let config = ApiConfig { root_admin, ..ApiConfig::new(Secret::new(BOT_KEY), Secret::new(JWT_SECRET)) };
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let state = ApiState::new(store.clone(), broker.clone(), clock, config.clone(), metrics).unwrap();
        Self { app: router(state.clone()), state, store, broker, config, ahead_ms, database, _dir: dir }
    }

    /// The same world with another configuration of the API.
    pub fn configured(&mut self, change: impl FnOnce(&mut ApiConfig)) {
        change(&mut self.config);
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let clock = self.clock();
        self.state =
            ApiState::new(self.store.clone(), self.broker.clone(), clock, self.config.clone(), metrics).unwrap();
        self.app = router(self.state.clone());
    }

    fn clock(&self) -> Clock {
        let ahead = self.ahead_ms.clone();
        Clock::new(move || system_time() + TimeDelta::milliseconds(ahead.load(Ordering::Relaxed)))
    }

    pub fn now(&self) -> Timestamp {
        self.clock().now()
    }

    pub fn advance(&self, by: TimeDelta) {
        self.ahead_ms.fetch_add(by.num_milliseconds(), Ordering::Relaxed);
    }

    /// Sends a request as it is.
    pub async fn raw(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        assert_ne!(parts.status, StatusCode::INTERNAL_SERVER_ERROR, "{text}");
        Answer { status: parts.status, headers: parts.headers, body, text }
    }

    /// A request's beginning, with whoever makes it.
    pub fn request(method: &str, path: &str, who: &As) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(path);
        match who {
            As::Nobody => request,
            As::Bot => request.header("X-API-Key", BOT_KEY),
            As::User(id) => request.header("X-API-Key", BOT_KEY).header("X-User-Discord-ID", id.to_string()),
            As::Token(token) => request.header("Authorization", format!("Bearer {token}")),
        }
    }

    pub async fn get(&self, who: As, path: &str) -> Answer {
        self.raw(Self::request("GET", path, &who).body(Body::empty()).unwrap()).await
    }

    /// Sends a body; `Value::Null` means none.
    pub async fn send(&self, method: &str, who: As, path: &str, body: Value) -> Answer {
        self.keyed(method, who, path, body, None).await
    }

    /// Sends a body with an idempotency key.
    pub async fn keyed(&self, method: &str, who: As, path: &str, body: Value, key: Option<&str>) -> Answer {
        let mut request = Self::request(method, path, &who);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            request = request.header("Content-Type", "application/json");
            Body::from(body.to_string())
        };
        self.raw(request.body(body).unwrap()).await
    }

    pub async fn post(&self, who: As, path: &str, body: Value) -> Answer {
        self.send("POST", who, path, body).await
    }

    /// Registers and verifies the people of a guild.
    pub async fn people(&self, guild: u64) {
        for (id, name) in [(OFFICER, "Olga"), (MIRA, "Mira"), (PENDING, "Pelle"), (BANNED, "Boris"), (ODO, "Odo")] {
            self.post(As::User(id), &at(guild, "/members"), json!({"name": name})).await.expect(201);
        }
        for (id, to) in [
            (OFFICER, json!({"status": "verified", "admin": true})),
            (MIRA, json!({"status": "verified"})),
            (ODO, json!({"status": "verified"})),
            (BANNED, json!({"status": "banned"})),
        ] {
            self.send("PATCH", As::User(ROOT), &at(guild, &format!("/members/{id}")), to).await.expect(200);
        }
    }

    /// A running season of the guild; its id.
    pub async fn season(&self, guild: u64, name: &str) -> String {
        let (starts, ends) = (self.now() - TimeDelta::days(1), self.now() + TimeDelta::days(30));
        let body = json!({"name": name, "starts_at": starts, "ends_at": ends});
        let made = self.post(As::User(ROOT), &at(guild, "/seasons"), body).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    }

    /// An item of a season; its id.
    pub async fn item(&self, guild: u64, season: &str, name: &str, points: i64) -> String {
        let body = json!({"name": name, "points": points});
        let path = at(guild, &format!("/seasons/{season}/items"));
        let made = self.post(As::User(ROOT), &path, body).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    }

    /// Ends the world; the database of a scaled one is dropped.
    pub async fn end(self) {
        self.broker.close().await;
        self.store.close().await;
        if let Some((url, name)) = self.database {
            let mut server = PgConnection::connect(&url).await.unwrap();
            let drop = format!("DROP DATABASE {name} WITH (FORCE)");
            server.execute(sqlx::AssertSqlSafe(drop)).await.unwrap();
        }
    }
}

/// Runs a test in a world, which ends also when the test fails.
pub async fn run<F: Future<Output = ()>>(world: World, test: impl FnOnce(Arc<World>) -> F) {
    let world = Arc::new(world);
    let result = AssertUnwindSafe(test(world.clone())).catch_unwind().await;
    if let Ok(world) = Arc::try_unwrap(world) {
        world.end().await;
    }
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

pub fn at(guild: u64, path: &str) -> String {
    format!("/api/v1/guilds/{guild}{path}")
}

pub fn here(path: &str) -> String {
    at(GUILD, path)
}

pub fn guild(id: u64) -> GuildId {
    GuildId::new(id).unwrap()
}

pub fn user(id: u64) -> UserId {
    UserId::new(id).unwrap()
}

/// Turns each `async fn name(w: Arc<World>)` into a test on SQLite (`embedded`) and one on PostgreSQL (`scaled`).
macro_rules! both_engines {
    ($($(#[$meta:meta])* async fn $name:ident($world:ident) $body:block)+) => {
        $($(#[$meta])* async fn $name($world: std::sync::Arc<crate::world::World>) $body)+

        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                crate::world::run(crate::world::World::embedded().await, super::$name).await;
            })+
        }

        mod scaled {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                crate::world::run(crate::world::World::scaled().await, super::$name).await;
            })+
        }
    };
}
