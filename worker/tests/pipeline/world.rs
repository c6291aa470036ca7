//! A guild with a store, a queue and workers of its own, on either database.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use broker::{Broker, Message, Queue};
use chrono::TimeDelta;
use domain::{
    BookId, Clock, CommandId, GuildId, ItemId, MemberId, Points, PrizeId, RankId, RoleId, SeasonId, SubmissionId,
    Timestamp, UserId,
    ladder::OnFall,
    ledger::Standing,
    member::{Member, MemberStatus},
    name::Name,
    season::Season,
    submission::ItemValue,
};
use guildhall_worker::{self as worker, WorkerConfig};
use messages::{
    api::{PrizeView, Settings},
    command::{ActivateLadderV1, ActorRef, Command, CommandEnvelope, SubmitV1, Via},
    outcome::Outcome,
    trace::TraceParent,
};
use store::{Store, guilds, inbox, items, ladders, members, seasons, standings};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(20);

pub struct World {
    pub store: Store,
    pub broker: Broker,
    pub now: Arc<Mutex<Timestamp>>,
    shutdown: CancellationToken,
    workers: Vec<JoinHandle<anyhow::Result<()>>>,
    _folder: tempfile::TempDir,
}

pub fn guild() -> GuildId {
    GuildId::new(1).unwrap()
}

pub fn user(n: u64) -> UserId {
    UserId::new(n).unwrap()
}

/// The root admin.
pub fn root() -> UserId {
    user(1)
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl World {
    pub async fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::sqlite(&folder.path().join("store.db")).await.unwrap();
        Self::on(store, folder).await
    }

    /// On a PostgreSQL database of its own. The queue stays embedded: what workers do to the store is the matter here.
    pub async fn scaled() -> Self {
        let url = std::env::var("TEST_DATABASE_URL").expect(
            "TEST_DATABASE_URL is needed: run the tests with scripts/test, or scripts/services run -- cargo test",
        );
        let name = format!("guildhall_{}", Uuid::now_v7().simple());
        let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
        let (server, _) = url.rsplit_once('/').unwrap();
        let store = Store::postgres(&format!("{server}/{name}"), 6).unwrap();
        Self::on(store, tempfile::tempdir().unwrap()).await
    }

    async fn on(store: Store, folder: tempfile::TempDir) -> Self {
        store.migrate().await.unwrap();
        let broker = Broker::embedded(&folder.path().join("queue.db")).await.unwrap();
        let now = Arc::new(Mutex::new(at("2026-09-10T12:00:00Z")));
        let world =
            Self { store, broker, now, shutdown: CancellationToken::new(), workers: Vec::new(), _folder: folder };
        let mut tx = world.store.begin().await.unwrap();
        guilds::ensure(&mut tx, guild(), world.now()).await.unwrap();
        let channel = Some("99".parse().unwrap());
        let settings = Settings { officer_channel_id: channel, announcement_channel_id: channel };
        guilds::write_settings(&mut tx, guild(), &settings).await.unwrap();
        tx.commit().await.unwrap();
        world
    }

    pub fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    pub fn pass(&self, time: TimeDelta) {
        *self.now.lock().unwrap() += time;
    }

    /// Starts a worker. Commands published before wait for it.
    pub fn work(&mut self) {
        let now = Arc::clone(&self.now);
        let config = WorkerConfig {
            root_admin: Some(root()),
            tick: Duration::from_millis(50),
            // The world has a time of its own.
            max_skew: TimeDelta::days(36_500),
            ..WorkerConfig::default()
        };
        self.workers.push(tokio::spawn(worker::run(
            config,
            self.store.clone(),
            self.broker.clone(),
            Clock::new(move || *now.lock().unwrap()),
            self.shutdown.clone(),
        )));
    }

    /// Ends the workers, and proves that everything agrees with the ledger.
    pub async fn end(self) {
        self.shutdown.cancel();
        for worker in self.workers {
            worker.await.unwrap().unwrap();
        }
        let report = store::verify::run(&self.store).await.unwrap();
        assert_eq!(report.differences, []);
        self.broker.close().await;
        self.store.close().await;
    }

    pub async fn member(&self, n: u64, name: &str) -> MemberId {
        self.members(&[(n, name.to_owned())]).await[0]
    }

    pub async fn members(&self, people: &[(u64, String)]) -> Vec<MemberId> {
        let mut tx = self.store.begin().await.unwrap();
        let mut ids = Vec::with_capacity(people.len());
        for (n, name) in people {
            let member = Member {
                id: MemberId::derived(Uuid::NAMESPACE_OID, name),
                guild: guild(),
                user: user(*n),
                name: Name::new(name).unwrap(),
                game_id: None,
                status: MemberStatus::Verified,
                admin: false,
            };
            members::insert(&mut tx, &member, self.now()).await.unwrap();
            ids.push(member.id);
        }
        tx.commit().await.unwrap();
        ids
    }

    pub async fn season(&self, review: bool, on_fall: OnFall) -> Season {
        let season = Season {
            id: SeasonId::derived(Uuid::NAMESPACE_OID, "season"),
            guild: guild(),
            book: BookId::derived(Uuid::NAMESPACE_OID, "season"),
            number: 1,
            name: Name::new("Autumn").unwrap(),
            starts_at: at("2026-09-01T00:00:00Z"),
            ends_at: at("2026-10-01T00:00:00Z"),
            review,
            on_fall,
            closed_at: None,
        };
        let mut tx = self.store.begin().await.unwrap();
        seasons::insert(&mut tx, &season, self.now()).await.unwrap();
        tx.commit().await.unwrap();
        season
    }

    /// An item worth `points` in the season.
    pub async fn item(&self, season: &Season, name: &str, points: i64) -> ItemId {
        let mut tx = self.store.begin().await.unwrap();
        let name = Name::new(name).unwrap();
        let new =
            items::NewItem { id: ItemId::derived(Uuid::NAMESPACE_OID, name.as_str()), name: &name, game_id: None };
        let id = items::catalogue(&mut tx, guild(), &new, self.now()).await.unwrap();
        let value = ItemValue { version: 1, points: Points::new(points).unwrap() };
        items::price(&mut tx, season.id, id, value, self.now()).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// A ladder of ranks, each with a role and a thing; returns the command that makes it count.
    pub async fn ladder(&self, season: &Season, ranks: &[(&str, i64, u64)]) -> CommandEnvelope {
        let mut tx = self.store.begin().await.unwrap();
        let (version, mut ladder) = ladders::newest(&mut tx, season.book).await.unwrap();
        for (name, threshold, role) in ranks {
            let id = RankId::derived(Uuid::NAMESPACE_OID, name);
            ladder = ladder.with(id, None, Points::new(*threshold).unwrap()).unwrap();
            let prize = |tag: &str, role| PrizeView {
                id: PrizeId::derived(id.uuid(), tag),
                description: format!("{tag} of {name}"),
                role_id: role,
            };
            let prizes = [prize("role", Some(RoleId::new(*role).unwrap())), prize("thing", None)];
            let name = Name::new(name).unwrap();
            ladders::insert_rank(&mut tx, season.id, id, &name, &prizes, self.now()).await.unwrap();
        }
        ladders::write(&mut tx, season.book, version + 1, &ladder).await.unwrap();
        tx.commit().await.unwrap();
        let activate = ActivateLadderV1 { book_id: season.book, version: version + 1 };
        self.command("ladder", None, Command::ActivateLadder(activate))
    }

    pub fn command(&self, deed: &str, by: Option<UserId>, command: Command) -> CommandEnvelope {
        let id = CommandId::of_deed(deed);
        CommandEnvelope {
            id,
            guild_id: guild(),
            actor: ActorRef { user_id: by, via: if by.is_some() { Via::Bot } else { Via::System } },
            accepted_at: self.now(),
            traceparent: TraceParent::of(id.uuid()),
            reply: None,
            command,
        }
    }

    pub fn submit(&self, deed: &str, by: UserId, item_id: ItemId, quantity: i64) -> CommandEnvelope {
        let submit = SubmitV1 {
            submission_id: submission(deed),
            season_id: None,
            user_id: by,
            item_id,
            quantity,
            note: Some("a note".into()),
        };
        self.command(deed, Some(by), Command::Submit(submit))
    }

    pub async fn publish(&self, command: &CommandEnvelope) {
        self.publish_body(command.id.uuid(), serde_json::to_vec(command).unwrap()).await;
    }

    pub async fn publish_body(&self, id: Uuid, body: Vec<u8>) {
        self.broker.publish(&message(id, body)).await.unwrap();
    }

    pub async fn publish_all(&self, commands: &[CommandEnvelope]) {
        let messages: Vec<Message> =
            commands.iter().map(|c| message(c.id.uuid(), serde_json::to_vec(c).unwrap())).collect();
        for chunk in messages.chunks(5_000) {
            for result in self.broker.publish_many(chunk).await {
                result.unwrap();
            }
        }
    }

    /// Publishes a command and waits for what comes of it.
    pub async fn send(&self, command: &CommandEnvelope) -> Outcome {
        self.publish(command).await;
        self.outcome(command.id).await
    }

    pub async fn outcome(&self, id: CommandId) -> Outcome {
        self.until("an outcome", async || {
            let mut tx = self.store.read().await.unwrap();
            inbox::find(&mut tx, id).await.unwrap()
        })
        .await
        .map(|settled| serde_json::from_str(&settled.outcome).unwrap())
        .unwrap()
    }

    /// Waits until `look` finds something.
    pub async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> Option<T> {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            if let Some(found) = look().await {
                return Some(found);
            }
            assert!(tokio::time::Instant::now() < deadline, "{what} did not come");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until the scoring queue is empty, retries included.
    pub async fn quiet(&self) {
        self.until("quiet", async || {
            let depth = self.broker.depth(Queue::Scoring).await.unwrap();
            (depth.ready == 0 && depth.retry == 0 && depth.unacked.unwrap_or(0) == 0).then_some(())
        })
        .await;
    }

    pub async fn standing(&self, season: &Season, member: MemberId) -> Option<Standing> {
        let mut tx = self.store.read().await.unwrap();
        let all = standings::of_book(&mut tx, season.book).await.unwrap();
        all.into_iter().find(|(id, _)| *id == member).map(|(_, standing)| standing)
    }

    pub async fn points(&self, season: &Season, member: MemberId) -> i64 {
        self.standing(season, member).await.map_or(0, |standing| standing.points.get())
    }

    /// How many entries a member has.
    pub async fn entries(&self, season: &Season, member: MemberId) -> usize {
        let mut tx = self.store.read().await.unwrap();
        store::entries::of_members(&mut tx, season.book, &[member]).await.unwrap().len()
    }

    /// The roles that a member should hold.
    pub async fn roles(&self, member: MemberId) -> BTreeSet<u64> {
        let mut tx = self.store.read().await.unwrap();
        let mut roles = store::awards::roles_of(&mut tx, &[member]).await.unwrap();
        roles.remove(&member).unwrap_or_default().into_iter().map(RoleId::get).collect()
    }
}

fn message(id: Uuid, body: Vec<u8>) -> Message {
    let route = broker::Route { exchange: broker::Exchange::Commands, key: "scoring.1".into() };
    Message { id, route, kind: "test".into(), body: body.into() }
}

/// The submission that a deed makes.
pub fn submission(deed: &str) -> SubmissionId {
    SubmissionId::derived(CommandId::of_deed(deed).uuid(), "submission")
}
