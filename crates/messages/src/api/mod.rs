//! Owns the REST API's types, shared by server and client. One file per endpoint family.
//!
//! Discord ids are strings, our own ids UUIDs, times RFC 3339 in UTC. Requests refuse unknown fields.

mod effects;
mod members;
mod page;
mod problem;
mod seasons;
mod settings;
mod submissions;
mod tokens;

pub use effects::{EffectView, MemberRoles};
pub use members::{AwardedPrize, ChangeMember, EntryView, MemberView, RankView, Register, Summary, SummaryItem};
pub use page::{Cursor, CursorError, MAX_LIMIT, Page, PageQuery};
pub use problem::{PROBLEM_JSON, Problem};
pub use seasons::{
    AddItem, AddRank, CreateSeason, JoinSeason, Participant, PriceItem, PrizeSpec, PrizeView, SeasonItem, SeasonRank,
    SeasonView, StandingView,
};
pub use settings::{ChangeSettings, Settings};
pub use submissions::{Accepted, CorrectSubmission, ReviewSubmission, SubmissionView, SubmitRequest, VoidQuery};
pub use tokens::{CreateToken, IssuedToken, TokenView};

/// The header with the bot's key.
pub const BOT_KEY_HEADER: &str = "X-API-Key";
/// The header that names the member in whose name the bot calls.
pub const BOT_USER_HEADER: &str = "X-User-Discord-ID";
/// The header that makes a repeated request the same deed.
pub const IDEMPOTENCY_HEADER: &str = "Idempotency-Key";
