//! Owns free text that requests bring: notes, reasons, labels, ids in the game. Names are [`domain::name::Name`].

use domain::name::{Name, NameError};
use messages::api::MAX_TEXT;

use crate::error::ApiError;

const NOT_PLAIN: ApiError =
    ApiError::invalid("text_not_plain", "That text holds control characters or invisible ones. Send it without them.");

/// A note or a reason: trimmed, absent when empty, at most 500 characters, lines allowed.
pub(crate) fn long(text: Option<&str>) -> Result<Option<String>, ApiError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().count() > MAX_TEXT {
        return Err(ApiError::invalid("text_too_long", "A note or reason has at most 500 characters."));
    }
    // PostgreSQL takes no NUL; the others garble what people see, or make it read backwards.
    let spoils = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\r' | '\t')
            || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    if text.chars().any(spoils) { Err(NOT_PLAIN) } else { Ok(Some(text.to_owned())) }
}

/// A label, an id in the game, or a part of a name to look for: what a name may be, absent when empty.
pub(crate) fn short(text: Option<&str>) -> Result<Option<String>, ApiError> {
    match text.map(Name::new).transpose() {
        Ok(name) => Ok(name.map(|name| name.to_string())),
        Err(NameError::Empty) => Ok(None),
        Err(NameError::TooLong) => Err(ApiError::invalid("text_too_long", "That text has at most 100 characters.")),
        Err(NameError::Invisible) => Err(NOT_PLAIN),
    }
}
