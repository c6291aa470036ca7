//! The control server: the simulator's verbs over HTTP, for tests in other processes and for the console.
//! It listens on loopback only, answers only to loopback names, and takes no orders from other websites.

mod client;
mod routes;
mod verbs;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

pub use client::Client;

use crate::sim::Sim;

pub(crate) fn router(sim: Sim) -> Router {
    routes::routes().with_state(sim).layer(middleware::from_fn(guard))
}

/// A page of another site could post here from a person's browser, or reach us under its own name; neither may.
async fn guard(request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !host(headers).is_some_and(is_loopback) {
        return (StatusCode::FORBIDDEN, "this server answers to 127.0.0.1, [::1] and localhost only").into_response();
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads && !same_site(headers) {
        return (StatusCode::FORBIDDEN, "this server takes no orders from other websites").into_response();
    }
    next.run(request).await
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

fn same_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    let own = host(headers).map(|host| format!("http://{host}"));
    let origin = text("origin").is_none_or(|origin| Some(origin) == own.as_deref());
    let fetched = text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    origin && fetched
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_answered() {
        for (host, want) in [
            ("127.0.0.1:8100", true),
            ("localhost:8100", true),
            ("localhost", true),
            ("[::1]:8100", true),
            ("evil.example:8100", false),
            ("127.0.0.1.evil.example", false),
            ("", false),
        ] {
            assert_eq!(is_loopback(host), want, "{host}");
        }
    }
}
