//! Everything as it travels: commands, events, API types, versions and routing keys.
//!
//! Owns wire formats only: no rules (those are `domain`), no transport (that is `broker` and `client`).

pub mod topology;
