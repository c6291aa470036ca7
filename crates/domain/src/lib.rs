//! The rules of the guild: ids, entities, points, ladders, seasons, rights and decisions.
//!
//! Pure: no I/O, no framework, no ambient time or chance. Whoever calls passes the time and the facts,
//! and gets a decision back; storing and publishing are somebody else's work.

pub mod decide;
pub mod ids;
pub mod ladder;
pub mod ledger;
pub mod member;
pub mod name;
pub mod permit;
pub mod points;
pub mod rejection;
pub mod roles;
pub mod season;
pub mod submission;
pub mod text;
pub mod time;

pub use ids::{
    BookId, ChannelId, CommandId, EffectId, EntryId, GuildId, ItemId, MemberId, PrizeId, RankId, RoleId, SeasonId,
    SubmissionId, TokenId, UserId,
};
pub use points::{Points, Quantity};
pub use rejection::Rejection;
pub use time::{Clock, Timestamp};
