//! A stub of the API: canned answers, faults, and a record of what was asked.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use domain::{EffectId, ItemId, SeasonId};
use messages::effect::EffectOrder;
use serde_json::{Value, json};
use uuid::Uuid;

pub const SEASON: SeasonId = SeasonId::new(Uuid::from_u128(0x5ea));
pub const ORE: ItemId = ItemId::new(Uuid::from_u128(0x0e));

#[derive(Clone)]
pub struct Api {
    pub url: String,
    state: Arc<Mutex<Stub>>,
}

#[derive(Default)]
struct Stub {
    orders: HashMap<EffectId, EffectOrder>,
    asked: Vec<(String, HeaderMap)>,
    /// Status and body for the next calls, as many times.
    faults: Vec<(u16, String)>,
    slow: Option<Duration>,
    /// Paths that answer 500 until healed.
    broken: Vec<String>,
}

impl Api {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let api = Self { url, state: Arc::default() };
        let guild = Router::new()
            .route("/members", post(register))
            .route("/members/{user}", axum::routing::patch(verify))
            .route("/members/{user}/summary", get(summary))
            .route("/settings", get(settings).patch(change_settings))
            .route("/seasons", get(seasons).post(create_season))
            .route("/seasons/current", get(season))
            .route("/seasons/{season}", get(season))
            .route("/seasons/{season}/items", get(items).post(add_item))
            .route("/seasons/{season}/ranks", post(add_rank))
            .route("/seasons/{season}/participants", post(join))
            .route("/seasons/{season}/standings", get(standings))
            .route("/submissions", get(submissions))
            .route("/effects", get(parked))
            .route("/effects/{id}", get(order));
        let router = Router::new()
            .route("/health", get(async || Json(json!({"status": "ok"}))))
            .nest("/api/v1/guilds/{guild}", guild)
            .layer(middleware::from_fn_with_state(api.clone(), record))
            .with_state(api.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        api
    }

    pub fn order(&self, order: EffectOrder) {
        self.state.lock().unwrap().orders.insert(order.id, order);
    }

    /// The next calls get these answers.
    pub fn fail(&self, status: u16, body: &str, times: usize) {
        self.state.lock().unwrap().faults = vec![(status, body.to_owned()); times];
    }

    /// Calls to this path get 500 until [`Api::heal`].
    pub fn fail_on(&self, path: &str) {
        self.state.lock().unwrap().broken.push(path.to_owned());
    }

    pub fn heal(&self) {
        self.state.lock().unwrap().broken.clear();
    }

    pub fn slow_down(&self, by: Option<Duration>) {
        self.state.lock().unwrap().slow = by;
    }

    /// The headers of the calls to a path, health checks left out.
    pub fn asked(&self, call: &str) -> Vec<HeaderMap> {
        let state = self.state.lock().unwrap();
        state.asked.iter().filter(|(asked, _)| asked.ends_with(call)).map(|(_, headers)| headers.clone()).collect()
    }
}

pub fn problem(status: u16, code: &str, detail: &str) -> String {
    json!({"type": "about:blank", "title": "No", "status": status, "code": code, "detail": detail}).to_string()
}

async fn record(State(api): State<Api>, request: Request, next: Next) -> Response {
    let (fault, slow) = {
        let mut state = api.state.lock().unwrap();
        let call = format!("{} {}", request.method(), request.uri().path());
        state.asked.push((call, request.headers().clone()));
        let broken = state.broken.iter().any(|path| request.uri().path().ends_with(path));
        let fault = if broken { Some((500, "{}".to_owned())) } else { state.faults.pop() };
        (fault, state.slow)
    };
    if let Some(by) = slow {
        tokio::time::sleep(by).await;
    }
    match fault {
        Some((status, body)) => (StatusCode::from_u16(status).unwrap(), body).into_response(),
        None => next.run(request).await,
    }
}

fn a_season() -> Value {
    json!({
        "id": SEASON, "number": 1, "name": "Autumn", "starts_at": "2026-09-01T00:00:00Z",
        "ends_at": "2026-12-01T00:00:00Z", "phase": "open", "review": false, "on_fall": "keep", "closed_at": null,
    })
}

fn member(user: &str, name: &str, status: &str) -> Value {
    json!({
        "user_id": user, "name": name, "game_id": null, "status": status, "admin": false,
        "registered_at": "2026-09-01T00:00:00Z",
    })
}

async fn register(headers: HeaderMap, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    let user = headers["x-user-discord-id"].to_str().unwrap();
    (StatusCode::CREATED, Json(member(user, body["name"].as_str().unwrap(), "pending")))
}

async fn verify(Path((_, user)): Path<(String, String)>, Json(body): Json<Value>) -> Json<Value> {
    Json(member(&user, "somebody", body["status"].as_str().unwrap()))
}

async fn summary(Path((_, user)): Path<(String, String)>) -> Json<Value> {
    Json(json!({
        "season": a_season(), "user_id": user, "name": "bram", "points": 150, "position": 1, "rank": null,
        "next_rank": null, "prizes": [], "items": [], "pending_submissions": 0,
    }))
}

async fn settings() -> Json<Value> {
    Json(json!({"officer_channel_id": null, "announcement_channel_id": null}))
}

async fn change_settings(Json(body): Json<Value>) -> Json<Value> {
    Json(json!({
        "officer_channel_id": body["officer_channel_id"],
        "announcement_channel_id": body["announcement_channel_id"],
    }))
}

async fn seasons() -> Json<Value> {
    Json(json!({"items": [a_season()]}))
}

async fn create_season(Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    let mut season = a_season();
    for field in ["name", "starts_at", "ends_at", "review"] {
        season[field] = body[field].clone();
    }
    (StatusCode::CREATED, Json(season))
}

async fn season() -> Json<Value> {
    Json(a_season())
}

async fn items(Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    let wanted = query.get("name").map(|name| name.to_lowercase()).unwrap_or_default();
    let all = [("Iron Ore", ORE), ("Oak Log", ItemId::new(Uuid::from_u128(2)))];
    let found = all.into_iter().filter(|(name, _)| name.to_lowercase().contains(&wanted));
    let items: Vec<Value> =
        found.map(|(name, id)| json!({"id": id, "name": name, "game_id": null, "points": 50, "version": 1})).collect();
    Json(json!({"items": items}))
}

async fn add_item(Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    let item = json!({"id": ORE, "name": body["name"], "game_id": null, "points": body["points"], "version": 1});
    (StatusCode::CREATED, Json(item))
}

async fn add_rank(Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    let rank = json!({
        "id": Uuid::nil(), "number": 1, "name": body["name"], "threshold": body["threshold"], "prizes": [],
    });
    (StatusCode::CREATED, Json(rank))
}

async fn join(headers: HeaderMap) -> (StatusCode, Json<Value>) {
    let user = headers["x-user-discord-id"].to_str().unwrap();
    let joined = json!({"season_id": SEASON, "user_id": user, "name": "bram", "joined_at": "2026-09-01T00:00:00Z"});
    (StatusCode::CREATED, Json(joined))
}

/// Twenty-five members, with the offset as the cursor.
async fn standings(Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    let read = |key: &str, default: usize| query.get(key).map_or(default, |value| value.parse().unwrap());
    let (first, limit) = (read("cursor", 0), read("limit", 50));
    let last = (first + limit).min(25);
    let rows: Vec<Value> = (first..last)
        .map(|n| {
            json!({
                "position": n + 1, "user_id": "20", "name": format!("member{}", n + 1), "points": 1000 - n,
                "reached_at": "2026-09-01T00:00:00Z", "rank": null,
            })
        })
        .collect();
    Json(json!({"items": rows, "next_cursor": (last < 25).then(|| last.to_string())}))
}

async fn submissions() -> Json<Value> {
    Json(json!({"items": [{
        "id": Uuid::from_u128(9), "season_id": SEASON, "user_id": "20", "name": "bram", "item_id": ORE,
        "item": "Iron Ore", "quantity": 3, "value": 50, "points": 150, "note": null, "state": "pending", "version": 2,
        "submitted_by": "20", "accepted_at": "2026-09-01T00:00:00Z", "decided_by": null, "decided_at": null,
        "reason": null,
    }]}))
}

async fn parked() -> Json<Value> {
    Json(json!({"items": [{
        "id": Uuid::nil(), "kind": "roles", "target": "20", "version": 1, "state": "parked",
        "reason": "role_above_bot", "detail": "role Champion: Missing Permissions", "updated_at": "2026-09-01T00:00:00Z",
    }]}))
}

async fn order(State(api): State<Api>, Path((_, id)): Path<(String, EffectId)>) -> Response {
    match api.state.lock().unwrap().orders.get(&id) {
        Some(order) => Json(order.clone()).into_response(),
        None => (StatusCode::NOT_FOUND, problem(404, "unknown_effect", "There's no such effect.")).into_response(),
    }
}
