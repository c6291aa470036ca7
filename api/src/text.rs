//! Owns free text that requests bring: notes, reasons, labels, ids in the game. Names are [`domain::name::Name`].

use domain::{
    name::{Name, NameError},
    text::TextError,
};

use crate::error::ApiError;

const NOT_PLAIN: ApiError =
    ApiError::invalid("text_not_plain", "That text holds control characters or invisible ones. Send it without them.");

/// A note or a reason, as [`domain::text::note`] takes it.
pub(crate) fn long(text: Option<&str>) -> Result<Option<String>, ApiError> {
    match text.map(domain::text::note).transpose() {
        Ok(text) => Ok(text.flatten()),
        Err(TextError::TooLong) => {
            Err(ApiError::invalid("text_too_long", "A note or reason has at most 500 characters."))
        }
        Err(TextError::NotPlain) => Err(NOT_PLAIN),
    }
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
