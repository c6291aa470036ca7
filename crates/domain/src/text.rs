//! Owns what free text may be: notes and reasons that members and officers write.

/// The longest note or reason, in characters.
pub const MAX: usize = 500;

/// Why a text can't be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// More than [`MAX`] characters.
    #[error("A note or reason has at most 500 characters.")]
    TooLong,
    /// It holds control characters, or ones that make text read backwards.
    #[error("That text holds control characters or invisible ones. Send it without them.")]
    NotPlain,
}

/// A note or a reason: trimmed, absent when empty, lines allowed.
///
/// # Errors
/// See [`TextError`].
pub fn note(text: &str) -> Result<Option<String>, TextError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if text.chars().count() > MAX {
        return Err(TextError::TooLong);
    }
    if text.chars().any(spoils) { Err(TextError::NotPlain) } else { Ok(Some(text.to_owned())) }
}

/// Whether a character garbles what people see: control characters but for line breaks and tabs, and Unicode's
/// bidirectional embeddings, overrides and isolates (UAX #9). PostgreSQL takes no NUL either.
#[must_use]
pub fn spoils(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\r' | '\t') || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_what_people_can_read() {
        for (text, want) in [
            ("  found in\nthe mine ", Ok(Some("found in\nthe mine"))),
            (" \n ", Ok(None)),
            ("a\0b", Err(TextError::NotPlain)),
            ("gold\u{202E}dlog", Err(TextError::NotPlain)),
            (&"x".repeat(501), Err(TextError::TooLong)),
        ] {
            assert_eq!(note(text).as_ref().map(Option::as_deref), want.as_ref().map(|want| *want), "{text:?}");
        }
    }
}
