//! Discord's gateway (v10, JSON, uncompressed): connections, and the sessions that outlive them.

mod connection;
mod sessions;

use std::sync::Arc;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::routing::get;

use sessions::Out;
pub use sessions::SessionView;
pub(crate) use sessions::Sessions;

use crate::core::Core;

pub(crate) fn router(core: &Arc<Core>) -> Router {
    Router::new().route("/", get(upgrade)).with_state(Arc::clone(core))
}

async fn upgrade(State(core): State<Arc<Core>>, RawQuery(query): RawQuery, upgrade: WebSocketUpgrade) -> Response {
    let query = query.unwrap_or_default();
    if query.contains("compress=") {
        core.violation("gateway", "transport compression is not simulated");
    }
    if !query.is_empty() && !query.split('&').any(|pair| pair == "v=10") {
        core.violation("gateway", format!("the gateway is asked for `{query}`, not for v=10"));
    }
    upgrade.on_upgrade(move |socket| {
        let tasks = core.tasks.clone();
        tasks.track_future(connection::run(core, socket))
    })
}
