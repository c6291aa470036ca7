//! Owns the `Prefer` header (RFC 7240).

use axum::http::HeaderMap;

/// The longest that anybody may wait for an outcome, in seconds.
const MAX_WAIT: u64 = 10;

/// How many seconds the caller would wait, by `Prefer: wait=N`. What can't be read there is ignored, as the RFC says.
pub(crate) fn wait(headers: &HeaderMap) -> Option<u64> {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([',', ';']))
        .find_map(|preference| preference.trim().strip_prefix("wait=")?.trim_matches('"').parse::<u64>().ok())
        .map(|seconds| seconds.min(MAX_WAIT))
        .filter(|seconds| *seconds > 0)
}
