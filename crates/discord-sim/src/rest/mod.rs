//! Discord's REST API, v10: from a request to an answer. Faults strike first, then routing, authentication,
//! rate limits and the endpoint; everything is logged.

mod applications;
mod channels;
mod guilds;
mod interactions;
mod limits;
mod messages;
mod routes;
mod webhooks;

use std::cell::RefCell;
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};

pub(crate) use interactions::{first_response, wire_type};
pub(crate) use limits::Buckets;

use crate::core::Core;
use crate::error::DiscordError;
use crate::faults::{Effect, LimitScope, rate_limit_body};
use crate::form::Form;
use crate::serve::Connection;
use routes::{Bucket, Found};

const PREFIX: &str = "/api/v10";

pub(crate) fn router(core: &Arc<Core>) -> Router {
    Router::new().fallback(handle).with_state(Arc::clone(core))
}

/// One request, as an endpoint sees it.
pub(crate) struct Call<'c> {
    pub(crate) core: &'c Core,
    route: &'static routes::Route,
    args: Vec<String>,
    query: HashMap<String, String>,
    body: Bytes,
    /// The audit-log reason.
    pub(crate) reason: Option<String>,
    notes: RefCell<Vec<String>>,
}

/// What an endpoint answers when nothing is wrong.
pub(crate) struct Answer {
    status: StatusCode,
    body: Option<Value>,
}

pub(crate) type Answered = Result<Answer, DiscordError>;

pub(crate) fn ok(body: Value) -> Answered {
    Ok(Answer { status: StatusCode::OK, body: Some(body) })
}

pub(crate) fn created(body: Value) -> Answered {
    Ok(Answer { status: StatusCode::CREATED, body: Some(body) })
}

pub(crate) fn no_content() -> Answered {
    Ok(Answer { status: StatusCode::NO_CONTENT, body: None })
}

impl Call<'_> {
    /// The text in the route's n-th variable segment.
    pub(crate) fn arg(&self, index: usize) -> &str {
        self.args.get(index).map_or("", String::as_str)
    }

    /// The id in the route's n-th variable segment.
    pub(crate) fn id<T: FromStr>(&self, index: usize) -> Result<T, DiscordError> {
        self.arg(index).parse().map_err(|_| {
            let mut form = Form::default();
            let message = format!("Value \"{}\" is not snowflake.", self.arg(index));
            form.refuse(&["id".into()], "NUMBER_TYPE_COERCE", message);
            form.finish().0.err().unwrap_or(DiscordError::INVALID_FORM)
        })
    }

    /// A query parameter.
    pub(crate) fn param<T: FromStr>(&self, name: &str) -> Option<T> {
        self.query.get(name)?.parse().ok()
    }

    /// The JSON body.
    pub(crate) fn json(&self) -> Result<Value, DiscordError> {
        serde_json::from_slice(&self.body).map_err(|_| {
            self.note("the body is not JSON (the simulator takes no uploads)");
            DiscordError::INVALID_JSON
        })
    }

    /// Reads the body through a form; its violations are noted, its errors answered.
    pub(crate) fn form<T>(&self, read: impl FnOnce(&mut Form, &Value) -> T) -> Result<T, DiscordError> {
        let body = self.json()?;
        self.check(|form| read(form, &body))
    }

    /// Like [`Call::form`], for a part of the body.
    pub(crate) fn check<T>(&self, read: impl FnOnce(&mut Form) -> T) -> Result<T, DiscordError> {
        let mut form = Form::default();
        let value = read(&mut form);
        let (verdict, violations) = form.finish();
        self.notes.borrow_mut().extend(violations);
        verdict.map(|()| value)
    }

    /// Records a violation.
    pub(crate) fn note(&self, what: impl Into<String>) {
        self.notes.borrow_mut().push(what.into());
    }
}

async fn handle(
    State(core): State<Arc<Core>>,
    Extension(connection): Extension<Connection>,
    request: Request,
) -> Response {
    let method = request.method().as_str().to_owned();
    let path = request.uri().path().strip_prefix(PREFIX).unwrap_or_else(|| request.uri().path()).to_owned();
    let versioned = request.uri().path().starts_with(PREFIX);
    let number = core.keep(|state| state.log.begin(core.clock.now(), &method, &path));
    let mut lost = false;
    let struck = core.keep(|state| state.faults.strike(&method, &path));
    let mut response = match struck {
        Some(Effect::Disconnect) => return hang_up(&connection).await,
        Some(Effect::RateLimit { scope, retry_after }) => {
            note_bucket(&core, number, &method, &path);
            refusal(scope, retry_after, HeaderMap::new())
        }
        Some(Effect::Error { status, code, message }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, Json(json!({ "message": message, "code": code }))).into_response()
        }
        other => {
            if let Some(Effect::Hang { ms }) = other {
                tokio::time::sleep(Duration::from_millis(ms)).await;
            }
            lost = other == Some(Effect::AnswerLost);
            answer(&core, number, &method, &path, versioned, request).await
        }
    };
    if lost {
        return hang_up(&connection).await;
    }
    let told = response.extensions_mut().remove::<RetryAfter>();
    core.keep(|state| {
        if let Some(entry) = state.log.entry(number) {
            entry.status = Some(response.status().as_u16());
            entry.retry_after = told.as_ref().map(|told| told.seconds);
            entry.global = told.is_some_and(|told| told.global);
        }
    });
    response
}

/// Breaks the connection instead of answering.
async fn hang_up(connection: &Connection) -> Response {
    connection.0.cancel();
    std::future::pending().await
}

fn note_bucket(core: &Core, number: u64, method: &str, path: &str) {
    if let Found::Endpoint(route, args) = routes::find(method, path) {
        let bucket = route.bucket_key(&args);
        core.keep(|state| {
            if let Some(entry) = state.log.entry(number) {
                entry.route = Some(route.pattern.into());
                entry.bucket = Some(bucket);
            }
        });
    }
}

async fn answer(core: &Core, number: u64, method: &str, path: &str, versioned: bool, request: Request) -> Response {
    let (route, args) = match routes::find(method, path) {
        Found::Endpoint(route, args) if versioned => (route, args),
        Found::WrongMethod if versioned => {
            core.violation(format!("{method} {path}"), "this route does not know this method");
            return error(&DiscordError::METHOD_NOT_ALLOWED);
        }
        _ => {
            core.violation(format!("{method} {path}"), "there is no such route");
            return error(&DiscordError::NOT_FOUND);
        }
    };
    note_bucket(core, number, method, path);
    if route.authenticated && !authorized(core, request.headers()) {
        return error(&DiscordError::UNAUTHORIZED);
    }
    let headers = match limit(core, route, &args) {
        Ok(headers) => headers,
        Err(refused) => return *refused,
    };
    let reason =
        request.headers().get("x-audit-log-reason").and_then(|reason| reason.to_str().ok()).map(percent_decode);
    let query = request.uri().query().unwrap_or_default();
    let query =
        query.split('&').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.into(), percent_decode(v))).collect();
    let Ok(body) = to_bytes(request.into_body(), 26 << 20).await else {
        return error(&DiscordError::INVALID_JSON);
    };
    let call = Call { core, route, args, query, body, reason, notes: RefCell::default() };
    let answered = (route.endpoint)(&call);
    for what in call.notes.into_inner() {
        core.violation(format!("{method} {path}"), what);
    }
    let mut response = match answered {
        Ok(Answer { status, body: Some(body) }) => (status, Json(body)).into_response(),
        Ok(Answer { status, body: None }) => status.into_response(),
        Err(refused) => error(&refused),
    };
    response.headers_mut().extend(headers);
    response
}

fn authorized(core: &Core, headers: &HeaderMap) -> bool {
    let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    sent.and_then(|value| value.strip_prefix("Bot ")) == Some(core.token.as_str())
}

fn error(error: &DiscordError) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(error.body())).into_response()
}

/// Counts a request against its bucket and the global limit: the headers for the answer, or the 429.
fn limit(core: &Core, route: &routes::Route, args: &[String]) -> Result<HeaderMap, Box<Response>> {
    let now = Instant::now();
    let key = route.bucket_key(args);
    let (global, quota, taken) = core.keep(|state| {
        let limits = &state.limits;
        let quota = match route.bucket {
            Bucket::MemberRoles => limits.member_roles,
            Bucket::MessageCreate => limits.message_create,
            Bucket::Own => limits.other,
        };
        let global = route.authenticated.then(|| state.buckets.take("global", limits.global, now));
        if global.is_some_and(|global| !global.allowed) {
            return (global, quota, None);
        }
        (global, quota, Some(state.buckets.take(&key, quota, now)))
    });
    let Some(taken) = taken else {
        let wait = global.map_or(0.0, |global| seconds(global.reset_after));
        return Err(Box::new(refusal(LimitScope::Global, wait, HeaderMap::new())));
    };
    let reset_after = seconds(taken.reset_after);
    let reset = core.clock.now().timestamp_millis() as f64 / 1000.0 + reset_after;
    let mut headers = HeaderMap::new();
    set(&mut headers, "x-ratelimit-limit", quota.limit.to_string());
    set(&mut headers, "x-ratelimit-remaining", taken.remaining.to_string());
    set(&mut headers, "x-ratelimit-reset", format!("{reset:.3}"));
    set(&mut headers, "x-ratelimit-reset-after", format!("{reset_after:.3}"));
    set(&mut headers, "x-ratelimit-bucket", route.bucket_hash());
    if taken.allowed { Ok(headers) } else { Err(Box::new(refusal(LimitScope::User, reset_after, headers))) }
}

/// How long a 429 asked to wait, for the log.
#[derive(Clone)]
struct RetryAfter {
    seconds: f64,
    global: bool,
}

fn refusal(scope: LimitScope, retry_after: f64, mut headers: HeaderMap) -> Response {
    set(&mut headers, "retry-after", format!("{retry_after:.3}"));
    let name = match scope {
        LimitScope::User => "user",
        LimitScope::Global => "global",
        LimitScope::Shared => "shared",
    };
    set(&mut headers, "x-ratelimit-scope", name.into());
    if scope == LimitScope::Global {
        set(&mut headers, "x-ratelimit-global", "true".into());
    }
    let told = RetryAfter { seconds: retry_after, global: scope == LimitScope::Global };
    (StatusCode::TOO_MANY_REQUESTS, Extension(told), headers, Json(rate_limit_body(scope, retry_after))).into_response()
}

fn set(headers: &mut HeaderMap, name: &'static str, value: String) {
    if let Ok(value) = HeaderValue::from_str(&value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// Whole milliseconds, never rounded down to "now".
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).ceil() / 1000.0
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let pair = (byte == b'%').then(|| rest.clone().take(2).map(char::from).collect::<String>());
        match pair.and_then(|pair| u8::from_str_radix(&pair, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest.nth(1);
            }
            None => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
