//! Owns what a name may be: what people type, made safe to show and to compare.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

/// A name that people gave to a member, season, item or rank: trimmed, 1 to [`Name::MAX`] characters,
/// without control characters or the invisible ones that turn or hide text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Name(String);

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing visible in it.
    #[error("a name can't be empty")]
    Empty,
    /// More than [`Name::MAX`] characters.
    #[error("a name has at most 100 characters")]
    TooLong,
    /// A control character or an invisible one that could disguise the name.
    #[error("a name can't hold line breaks or invisible characters")]
    Invisible,
}

impl Name {
    /// The most characters a name may have.
    pub const MAX: usize = 100;

    /// Reads a name.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn new(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.chars().count() > Self::MAX {
            return Err(NameError::TooLong);
        }
        if text.chars().any(|c| c.is_control() || is_invisible(c)) {
            return Err(NameError::Invisible);
        }
        Ok(Self(text.split_whitespace().collect::<Vec<_>>().join(" ")))
    }

    /// The name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two names share when people would call them the same: letter case does not count.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

/// Characters without a shape of their own that reorder or hide others: Unicode's bidirectional controls
/// (UAX #9), zero-width ones except the joiners that scripts and emoji need, and the byte-order mark.
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_people_can_see() {
        for (text, want) in [
            ("  Iron   Ore ", Ok("Iron Ore")),
            ("Ærøskøbing 🛡️", Ok("Ærøskøbing 🛡️")),
            ("", Err(NameError::Empty)),
            (" \t ", Err(NameError::Empty)),
            ("a\nb", Err(NameError::Invisible)),
            ("gold\u{202E}dlog", Err(NameError::Invisible)),
            ("a\u{200B}b", Err(NameError::Invisible)),
            (&"x".repeat(100), Ok(&"x".repeat(100))),
            (&"x".repeat(101), Err(NameError::TooLong)),
        ] {
            assert_eq!(Name::new(text).as_ref().map(Name::as_str), want.as_ref().map(|s| *s), "{text:?}");
        }
    }

    #[test]
    fn letter_case_does_not_make_another_name() {
        assert_eq!(Name::new("Iron ORE").unwrap().key(), Name::new("iron ore").unwrap().key());
    }
}
