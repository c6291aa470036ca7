//! Owns small conversions between columns and domain types.

use domain::{Points, name::Name};
use serde::{Serialize, de::DeserializeOwned};

use crate::StoreError;

/// A row of one column. (Written as a tuple inside a macro, formatting loses the comma that makes it one.)
pub type Only<T> = (T,);

/// How many rows of so many columns one statement takes: SQLite allows 32,766 parameters, PostgreSQL 65,535.
pub const fn rows_of(columns: usize) -> usize {
    30_000 / columns
}

/// Reads a name column.
pub fn name(column: &str) -> Result<Name, StoreError> {
    Name::new(column).map_err(StoreError::corrupt)
}

/// Reads a points column.
pub fn points(column: i64) -> Result<Points, StoreError> {
    Points::new(column).map_err(StoreError::corrupt)
}

/// Reads a word column, such as a status, as the enum that serde knows by the same words.
pub fn word<T: DeserializeOwned>(column: &str) -> Result<T, StoreError> {
    T::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(column))
        .map_err(StoreError::corrupt)
}

/// Writes an enum as its word.
pub fn to_word<T: Serialize>(value: T) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        other => Err(StoreError::Corrupt(format!("not a word: {other:?}"))),
    }
}

/// Reads a JSON column.
pub fn json<T: DeserializeOwned>(column: &str) -> Result<T, StoreError> {
    serde_json::from_str(column).map_err(StoreError::corrupt)
}

/// Writes a JSON column.
pub fn to_json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(StoreError::corrupt)
}

/// Refuses a write that touched another number of rows than it had to.
pub fn touched(what: &'static str, got: u64, want: u64) -> Result<(), StoreError> {
    if got == want { Ok(()) } else { Err(StoreError::RowCount { what, got, want }) }
}

/// An optional id column.
pub fn optional<T, E: std::fmt::Display>(
    column: Option<i64>,
    read: impl Fn(i64) -> Result<T, E>,
) -> Result<Option<T>, StoreError> {
    column.map(|column| read(column).map_err(StoreError::corrupt)).transpose()
}

/// A text as part of a `LIKE` pattern over a name key: lower case, its `%`, `_` and `\\` meant literally
/// (`ESCAPE '\\'`).
pub fn like(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}
