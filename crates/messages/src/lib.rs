//! Everything as it travels: commands, events, effects, API types, versions and routing keys.
//!
//! Owns wire formats only: no rules (those are `domain`), no transport (that is `broker` and `client`).

pub mod api;
pub mod command;
pub mod effect;
pub mod event;
pub mod outcome;
pub mod topology;
pub mod trace;
