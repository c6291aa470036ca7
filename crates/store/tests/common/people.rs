//! Owns the few people and things that store tests are about.

use domain::{
    BookId, GuildId, ItemId, MemberId, Points, SeasonId, Timestamp, UserId,
    ladder::OnFall,
    member::{Member, MemberStatus},
    name::Name,
    season::Season,
    submission::ItemValue,
};
use guildhall_store::{Store, Tx, guilds, items, members, seasons};
use uuid::Uuid;

/// A moment, so many seconds after one with odd microseconds.
pub fn at(second: i64) -> Timestamp {
    chrono::DateTime::from_timestamp(1_800_000_000 + second, 123_456_000).unwrap()
}

/// The guild of most tests.
pub fn guild() -> GuildId {
    GuildId::new(100).unwrap()
}

/// An account.
pub fn user(id: u64) -> UserId {
    UserId::new(id).unwrap()
}

/// A number of points.
pub fn points(n: i64) -> Points {
    Points::new(n).unwrap()
}

/// A name.
pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// An id.
pub fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// A verified member who just registered.
pub async fn member(tx: &mut Tx, id: u64, called: &str) -> Member {
    let member = Member {
        id: MemberId::new(uuid(id.into())),
        guild: guild(),
        user: user(id),
        name: name(called),
        game_id: None,
        status: MemberStatus::Verified,
        admin: false,
    };
    members::insert(tx, &member, at(0)).await.unwrap();
    member
}

/// A season of that number, which runs.
pub async fn season(tx: &mut Tx, number: i32) -> Season {
    let n = u128::from(number.unsigned_abs());
    let season = Season {
        id: SeasonId::new(uuid(1_000 + n)),
        guild: guild(),
        book: BookId::new(uuid(2_000 + n)),
        number,
        name: name(&format!("Season {number}")),
        starts_at: at(0),
        ends_at: at(1_000),
        review: false,
        on_fall: OnFall::Keep,
        closed_at: None,
    };
    seasons::insert(tx, &season, at(0)).await.unwrap();
    season
}

/// An item of a season; its id.
pub async fn item(tx: &mut Tx, season: &Season, n: u128, called: &str, value: i64) -> ItemId {
    let new = items::NewItem { id: ItemId::new(uuid(n)), name: &name(called), game_id: None };
    let id = items::catalogue(tx, guild(), &new, at(0)).await.unwrap();
    items::price(tx, season.id, id, ItemValue { version: 1, points: points(value) }, at(0)).await.unwrap();
    id
}

/// A transaction in which the guild is known.
pub async fn begun(store: &Store) -> Tx {
    let mut tx = store.begin().await.unwrap();
    guilds::ensure(&mut tx, guild(), at(0)).await.unwrap();
    tx
}
