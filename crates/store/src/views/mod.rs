//! The read side: pages and summaries as the API shows them. Nothing here locks or writes.
//!
//! Pages are keyset pages: each row comes with the key that the next page continues after.

pub mod effects;
pub mod entries;
pub mod members;
pub mod seasons;
pub mod standings;
pub mod submissions;
pub mod summary;
