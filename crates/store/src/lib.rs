//! The store: every SQL statement of Guildhall, one module per aggregate, for PostgreSQL and SQLite alike.
//!
//! Functions take a [`Tx`], so that callers choose what happens together. Absence is `Option`; writes check how many
//! rows they touched. Row structs convert to `domain` types here, so that nobody else sees a column.

#[macro_use]
mod sql;

pub mod audit;
pub mod awards;
pub mod clock;
pub mod effects;
pub mod entries;
mod error;
pub mod guilds;
pub mod inbox;
pub mod items;
pub mod ladders;
pub mod members;
pub mod meta;
pub mod outbox;
mod pool;
mod row;
pub mod seasons;
pub mod standings;
pub mod submissions;
pub mod tokens;
pub mod verify;
pub mod views;

pub use error::StoreError;
pub use pool::{Engine, Store, Tx};
