//! Owns the identifiers: Discord's snowflakes and our own UUIDs, each a type of its own,
//! so that swapped arguments do not compile.

use std::{fmt, num::NonZeroU64, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// An identifier could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not a Discord id: those are the whole numbers from 1 to 2^63−1.
    #[error("a Discord id is a whole number between 1 and 9223372036854775807")]
    Snowflake,
    /// Not a UUID.
    #[error("an id is a UUID such as 0190b6f2-8c7e-7cc0-b1a4-1f6d2f0c9a11")]
    Uuid,
}

/// Milliseconds between the Unix epoch and Discord's (2015-01-01T00:00:00Z).
/// Source: Discord documentation, "Snowflakes".
pub const DISCORD_EPOCH_MS: i64 = 1_420_070_400_000;

macro_rules! snowflakes {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(NonZeroU64);

        impl $name {
            /// The id with that number.
            ///
            /// # Errors
            /// [`IdError::Snowflake`] for 0 and for what does not fit a signed 64-bit column.
            pub fn new(number: u64) -> Result<Self, IdError> {
                NonZeroU64::new(number).filter(|n| i64::try_from(n.get()).is_ok()).map(Self).ok_or(IdError::Snowflake)
            }

            /// The id as Discord's number.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0.get()
            }

            /// The id as a database column holds it.
            #[must_use]
            pub const fn to_i64(self) -> i64 {
                self.0.get().cast_signed()
            }

            /// The id from a database column.
            ///
            /// # Errors
            /// [`IdError::Snowflake`] for anything below 1.
            pub fn from_i64(column: i64) -> Result<Self, IdError> {
                u64::try_from(column).map_err(|_| IdError::Snowflake).and_then(Self::new)
            }

            /// When Discord made this id, to the millisecond.
            #[must_use]
            pub fn created_at(self) -> crate::Timestamp {
                let ms = (self.0.get() >> 22).cast_signed() + DISCORD_EPOCH_MS;
                chrono::DateTime::from_timestamp_millis(ms).unwrap_or_default()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                // `u64::from_str` also takes "+1" and "007"; Discord never writes those.
                if text.starts_with(['+', '0']) {
                    return Err(IdError::Snowflake);
                }
                text.parse().map_err(|_| IdError::Snowflake).and_then(Self::new)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )+};
}

snowflakes! {
    /// A Discord server.
    GuildId,
    /// A Discord account.
    UserId,
    /// A Discord role.
    RoleId,
    /// A Discord channel.
    ChannelId,
    /// One use of a command, button or form in Discord.
    InteractionId,
}

macro_rules! uuids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The id with that UUID.
            #[must_use]
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The id as a UUID.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// The id of the thing called `tag` that the deed `cause` makes: the same deed repeated gives the same id.
            #[must_use]
            pub fn derived(cause: Uuid, tag: &str) -> Self {
                Self(Uuid::new_v5(&cause, tag.as_bytes()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::try_parse(text).map(Self).map_err(|_| IdError::Uuid)
            }
        }
    )+};
}

uuids! {
    /// A registered member of one guild.
    MemberId,
    /// A season.
    SeasonId,
    /// A ledger of points for one purpose in one guild.
    BookId,
    /// An item of a guild's catalogue.
    ItemId,
    /// A rank of one season's ladder.
    RankId,
    /// Something a rank gives.
    PrizeId,
    /// A submission.
    SubmissionId,
    /// A deed: the same deed repeated carries the same id.
    CommandId,
    /// One entry of a ledger.
    EntryId,
    /// Something that must happen outside, in Discord.
    EffectId,
    /// A personal access token (its `jti`).
    TokenId,
}

/// Namespace under which command ids are derived.
const COMMANDS: Uuid = Uuid::from_u128(0x6775_696c_6468_616c_6c5f_636f_6d6d_616e);

impl CommandId {
    /// The deed behind one Discord interaction. `step` tells apart the deeds of one interaction.
    #[must_use]
    pub fn of_interaction(interaction: InteractionId, step: &str) -> Self {
        Self::derived(COMMANDS, &format!("discord:{interaction}:{step}"))
    }

    /// The deed behind one REST request: the credential and its `Idempotency-Key`.
    #[must_use]
    pub fn of_request(guild: GuildId, credential: &str, key: &str) -> Self {
        Self::derived(COMMANDS, &format!("rest:{guild}:{}:{credential}:{key}", credential.len()))
    }

    /// A deed that follows from what it does, such as closing a season: whoever has the idea, it's the same deed.
    #[must_use]
    pub fn of_deed(what: &str) -> Self {
        Self::derived(COMMANDS, &format!("deed:{what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snowflakes_read_what_discord_writes_and_nothing_else() {
        for (text, want) in [
            ("1", Ok(1)),
            ("9223372036854775807", Ok(i64::MAX.cast_unsigned())),
            ("9223372036854775808", Err(IdError::Snowflake)),
            ("0", Err(IdError::Snowflake)),
            ("007", Err(IdError::Snowflake)),
            ("+5", Err(IdError::Snowflake)),
            ("-5", Err(IdError::Snowflake)),
            ("", Err(IdError::Snowflake)),
            ("12a", Err(IdError::Snowflake)),
        ] {
            assert_eq!(text.parse::<UserId>().map(UserId::get), want, "{text:?}");
        }
    }

    #[test]
    fn a_snowflake_tells_its_time() {
        // The example of Discord's documentation.
        let id = UserId::new(175_928_847_299_117_063).unwrap();
        assert_eq!(id.created_at().to_rfc3339(), "2016-04-30T11:18:25.796+00:00");
    }

    #[test]
    fn the_same_deed_has_the_same_id_and_another_has_not() {
        let guild = GuildId::new(7).unwrap();
        let id = CommandId::of_request(guild, "a", "b:c");
        assert_eq!(id, CommandId::of_request(guild, "a", "b:c"));
        assert_ne!(id, CommandId::of_request(guild, "a:b", "c"));
        assert_ne!(id, CommandId::of_request(GuildId::new(8).unwrap(), "a", "b:c"));
    }
}
