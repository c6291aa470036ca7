//! Discord's snowflake ids, one type per kind of thing, so that swapped arguments do not compile.
//! On the wire they are strings, as Discord sends them; numbers are accepted too.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Milliseconds between the Unix epoch and Discord's (2015-01-01T00:00:00Z).
pub const DISCORD_EPOCH_MS: i64 = 1_420_070_400_000;

macro_rules! snowflakes {
    ($($(#[$meta:meta])* $name:ident)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl $name {
            /// The bare number.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// When the id was made, in Unix milliseconds.
            #[must_use]
            pub const fn created_at_ms(self) -> i64 {
                (self.0 >> 22) as i64 + DISCORD_EPOCH_MS
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<u64> for $name {
            fn from(id: u64) -> Self {
                Self(id)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(IdVisitor).map(Self)
            }
        }
    )*};
}

struct IdVisitor;

impl de::Visitor<'_> for IdVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a snowflake, as a string or a number")
    }

    fn visit_u64<E: de::Error>(self, id: u64) -> Result<u64, E> {
        Ok(id)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        text.parse().map_err(|_| E::custom(format!("`{text}` is not a snowflake")))
    }
}

snowflakes! {
    /// An application (a bot's program, as Discord registers it).
    ApplicationId
    /// A guild.
    GuildId
    /// A user, human or bot.
    UserId
    /// A role of a guild.
    RoleId
    /// A channel of a guild, or a direct-message channel.
    ChannelId
    /// A message.
    MessageId
    /// An interaction: one use of a command, button, select menu or modal.
    InteractionId
    /// A registered application command.
    CommandId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_travel_as_strings_and_numbers_are_taken_too() {
        assert_eq!(serde_json::to_string(&GuildId(175_928_847_299_117_063)).unwrap(), "\"175928847299117063\"");
        for text in ["\"12\"", "12"] {
            assert_eq!(serde_json::from_str::<UserId>(text).unwrap(), UserId(12), "{text}");
        }
        assert!(serde_json::from_str::<UserId>("\"twelve\"").is_err());
    }

    #[test]
    fn the_documented_example_snowflake_has_its_documented_time() {
        assert_eq!(UserId(175_928_847_299_117_063).created_at_ms(), 1_462_015_105_796);
    }
}
