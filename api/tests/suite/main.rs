//! The API's tests: the real store (SQLite as `embedded`, PostgreSQL as `scaled`) and the real embedded broker, called
//! through the router. The scaled half uses the embedded broker too: each test has its own, so that none sees another's
//! messages; RabbitMQ is the broker crate's and the end-to-end tests' business.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets the unexpected fails")]

#[macro_use]
mod world;

mod hostile;
mod idempotency;
mod input;
mod matrix;
mod openapi;
mod operations;
mod paging;
mod points;
mod seasons;
mod tokens;
