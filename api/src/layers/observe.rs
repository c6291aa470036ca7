//! Owns traces, logs and figures of requests, and the headers every answer has.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use messages::{api::IDEMPOTENCY_HEADER, trace::TraceParent};
use tracing::Instrument;
use uuid::Uuid;

use crate::key::IdempotencyKey;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const DOCS: &str = "/docs";

/// Runs a request in its trace's span; logs it once, with its route but never its content.
pub(crate) async fn observe(mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let is_docs = request.uri().path().starts_with(DOCS);
    let trace = trace(request.headers());
    let trace_id = trace.trace_id();
    let span = tracing::info_span!("request", "trace.id" = %trace_id, %method, route);
    request.extensions_mut().insert(trace);
    let writes = !matches!(method, Method::GET | Method::HEAD | Method::OPTIONS);
    let key = if writes { Some(IdempotencyKey::of(request.headers())) } else { None };
    async {
        let mut response = match key {
            Some(Err(error)) => error.into_response(),
            Some(Ok(key)) => {
                let header = key.header();
                request.extensions_mut().insert(key);
                let mut response = next.run(request).await;
                if let (Some(header), Ok(name)) = (header, HeaderName::from_bytes(IDEMPOTENCY_HEADER.as_bytes())) {
                    response.headers_mut().insert(name, header);
                }
                response
            }
            None => next.run(request).await,
        };
        headers(response.headers_mut(), &trace_id, is_docs);
        let status = response.status().as_u16();
        let latency = began.elapsed();
        tracing::info!(
            status,
            latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
            "answered a request"
        );
        let labels = [("method", method.as_str().to_owned()), ("route", route.clone()), ("status", status.to_string())];
        metrics::counter!("guildhall_http_requests_total", &labels).increment(1);
        metrics::histogram!("guildhall_http_request_seconds", "route" => route.clone()).record(latency.as_secs_f64());
        response
    }
    .instrument(span)
    .await
}

/// The trace a request came with, else a new one.
fn trace(headers: &HeaderMap) -> TraceParent {
    let given = headers.get("traceparent").and_then(|value| value.to_str().ok()?.parse().ok());
    given.unwrap_or_else(|| TraceParent::of(Uuid::now_v7()))
}

fn headers(headers: &mut HeaderMap, trace_id: &str, is_docs: bool) {
    if let Ok(id) = HeaderValue::from_str(trace_id) {
        headers.insert(REQUEST_ID, id);
    }
    // The documentation's page brings its own scripts; everything else is data that no browser should run.
    let policy = if is_docs {
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
    } else {
        "default-src 'none'; frame-ancestors 'none'"
    };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
