//! Faults as settings: which REST requests go wrong, how, and how often.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A REST fault: requests that match are answered by `effect`, `times` times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// The HTTP method, such as `PUT`; none matches all.
    #[serde(default)]
    pub method: Option<String>,
    /// The path below `/api/v10`, where `*` stands for one segment and a last `**` for any rest, such as `/guilds/**`.
    pub route: String,
    /// How often it strikes; none means until [`crate::Sim::clear_faults`].
    #[serde(default)]
    pub times: Option<u32>,
    /// What happens.
    pub effect: Effect,
}

/// What a fault does to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Effect {
    /// 429, without the request taking effect.
    RateLimit {
        /// Whose limit it is.
        scope: LimitScope,
        /// Seconds to wait, in `Retry-After` and the body.
        retry_after: f64,
    },
    /// An error answer, without the request taking effect.
    Error {
        /// The HTTP status.
        status: u16,
        /// Discord's error code.
        code: u32,
        /// Discord's message.
        message: String,
    },
    /// The answer comes late; a client that gives up before has not been heard.
    Hang {
        /// How late.
        ms: u64,
    },
    /// The request takes effect, but the connection ends without an answer.
    AnswerLost,
    /// The connection ends without an answer and without effect.
    Disconnect,
}

/// Whose limit a 429 speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitScope {
    /// This bot on this route.
    User,
    /// This bot everywhere.
    Global,
    /// Everybody on this resource.
    Shared,
}

impl Fault {
    fn new(method: &str, route: &str, effect: Effect) -> Self {
        let method = (method != "*").then(|| method.to_owned());
        Self { method, route: route.to_owned(), times: Some(1), effect }
    }

    /// 429 on the route, once.
    #[must_use]
    pub fn rate_limit(method: &str, route: &str, retry_after: f64) -> Self {
        Self::new(method, route, Effect::RateLimit { scope: LimitScope::User, retry_after })
    }

    /// A global 429, once.
    #[must_use]
    pub fn global_rate_limit(method: &str, route: &str, retry_after: f64) -> Self {
        Self::new(method, route, Effect::RateLimit { scope: LimitScope::Global, retry_after })
    }

    /// A bare status such as 500 or 502, once.
    #[must_use]
    pub fn status(method: &str, route: &str, status: u16) -> Self {
        let message = match status {
            500 => "500: Internal Server Error",
            502 => "502: Bad Gateway",
            503 => "503: Service Unavailable",
            _ => "The simulator was told to answer this",
        };
        Self::new(method, route, Effect::Error { status, code: 0, message: message.into() })
    }

    /// 401, once.
    #[must_use]
    pub fn unauthorized(method: &str, route: &str) -> Self {
        Self::new(method, route, Effect::Error { status: 401, code: 0, message: "401: Unauthorized".into() })
    }

    /// 403 with code 50013, once.
    #[must_use]
    pub fn missing_permissions(method: &str, route: &str) -> Self {
        Self::new(method, route, Effect::Error { status: 403, code: 50013, message: "Missing Permissions".into() })
    }

    /// A late answer, once.
    #[must_use]
    pub fn hang(method: &str, route: &str, ms: u64) -> Self {
        Self::new(method, route, Effect::Hang { ms })
    }

    /// The request takes effect but its answer is lost, once.
    #[must_use]
    pub fn answer_lost(method: &str, route: &str) -> Self {
        Self::new(method, route, Effect::AnswerLost)
    }

    /// The connection breaks before the request takes effect, once.
    #[must_use]
    pub fn disconnect(method: &str, route: &str) -> Self {
        Self::new(method, route, Effect::Disconnect)
    }

    /// Strikes `times` times instead.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Strikes until the faults are cleared.
    #[must_use]
    pub fn forever(mut self) -> Self {
        self.times = None;
        self
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && path_matches(&self.route, path)
    }
}

fn path_matches(pattern: &str, path: &str) -> bool {
    let mut path = path.split('/').filter(|part| !part.is_empty());
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        match (part, path.next()) {
            ("**", _) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(found)) if wanted == found => {}
            _ => return false,
        }
    }
    path.next().is_none()
}

/// The faults that are set.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    set: Vec<Fault>,
    pub(crate) refuse_rest: bool,
    pub(crate) refuse_gateway: bool,
    pub(crate) withhold_acks: bool,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.set.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn list(&self) -> &[Fault] {
        &self.set
    }

    /// The effect that strikes a request, counted.
    pub(crate) fn strike(&mut self, method: &str, path: &str) -> Option<Effect> {
        let index = self.set.iter().position(|fault| fault.times != Some(0) && fault.matches(method, path))?;
        let fault = self.set.get_mut(index)?;
        let effect = fault.effect.clone();
        if let Some(times) = &mut fault.times {
            *times -= 1;
            if *times == 0 {
                self.set.remove(index);
            }
        }
        Some(effect)
    }
}

/// What can be done to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum GatewayFault {
    /// Breaks every connection without a close frame; sessions can be resumed.
    Drop,
    /// Asks every session to reconnect (op 7).
    Reconnect,
    /// Tells every session it is invalid (op 9).
    InvalidSession {
        /// Whether it may be resumed.
        resumable: bool,
    },
    /// No more heartbeat ACKs.
    WithholdAcks,
    /// Heartbeat ACKs again.
    GrantAcks,
    /// New gateway connections are closed at once.
    RefuseConnections,
    /// New gateway connections are taken again.
    AcceptConnections,
}

/// The body of a 429.
pub(crate) fn rate_limit_body(scope: LimitScope, retry_after: f64) -> Value {
    let message = match scope {
        LimitScope::Shared => "The resource is being rate limited.",
        LimitScope::User | LimitScope::Global => "You are being rate limited.",
    };
    json!({ "message": message, "retry_after": retry_after, "global": scope == LimitScope::Global })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, path, want) in [
            ("/guilds/*/members/*/roles/*", "/guilds/1/members/2/roles/3", true),
            ("/guilds/*/members/*/roles/*", "/guilds/1/members/2", false),
            ("/guilds/**", "/guilds/1/members/2", true),
            ("**", "/users/@me", true),
            ("/users/@me", "/users/@me", true),
            ("/users/@me", "/users/1", false),
            ("/users", "/users/1", false),
        ] {
            assert_eq!(path_matches(pattern, path), want, "{pattern} on {path}");
        }
    }

    #[test]
    fn a_fault_strikes_as_often_as_set() {
        let mut faults = Faults::default();
        faults.add(Fault::status("GET", "/gateway", 502).times(2));
        let hits = (0..3).filter(|_| faults.strike("GET", "/gateway").is_some()).count();
        assert_eq!(hits, 2);
        assert!(faults.list().is_empty());
        assert!(faults.strike("PUT", "/gateway").is_none());
    }
}
