//! The REST API: axum routes, authentication, OpenAPI.
//!
//! Reads come from the store. Everything that is not points is committed here, in one transaction with its audit entry,
//! inbox id and outbox rows (the deeds of `writes`); point commands are checked early and published for the worker.
//! Knows neither the bot nor the worker.

mod auth;
mod config;
mod error;
mod extract;
mod key;
mod layers;
mod paging;
mod prefer;
mod routes;
mod server;
mod state;
mod text;
mod writes;

pub use config::{AUDIENCE, ApiConfig, ConfigError, ISSUER, Secret};
pub use routes::{openapi, router};
pub use server::serve;
pub use state::ApiState;
