//! Reading a JSON body strictly: what Discord refuses becomes its error tree; what a tidy program would not send
//! (unknown fields, missing or mistyped ones) is noted besides, as a violation.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::error::{DiscordError, FormErrors};

/// Where in a body something stands.
pub(crate) type Path = Vec<String>;

/// Extends a path by a key or an index.
pub(crate) fn at(path: &[String], key: impl ToString) -> Path {
    let mut path = path.to_vec();
    path.push(key.to_string());
    path
}

/// Collects what is wrong with one body.
#[derive(Debug, Default)]
pub(crate) struct Form {
    errors: FormErrors,
    violations: Vec<String>,
}

impl Form {
    /// Refuses the field at `path`.
    pub(crate) fn refuse(&mut self, path: &[String], code: &str, message: impl Into<String>) {
        self.errors.add(path, code, message);
    }

    /// Notes something Discord tolerates but a tidy program does not send.
    pub(crate) fn note(&mut self, violation: impl Into<String>) {
        self.violations.push(violation.into());
    }

    fn mistyped(&mut self, path: &[String], code: &str, message: impl Into<String>) {
        let message = message.into();
        self.note(format!("field `{}`: {message}", path.join(".")));
        self.refuse(path, code, message);
    }

    /// The verdict, and the violations noted on the way.
    pub(crate) fn finish(self) -> (Result<(), DiscordError>, Vec<String>) {
        (self.errors.finish(), self.violations)
    }

    /// An object with only `known` keys.
    pub(crate) fn object<'v>(
        &mut self,
        value: &'v Value,
        path: &[String],
        known: &[&str],
    ) -> Option<&'v Map<String, Value>> {
        let Some(map) = value.as_object() else {
            self.mistyped(path, "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType");
            return None;
        };
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            self.note(format!("unknown field `{}`", at(path, key).join(".")));
        }
        Some(map)
    }

    /// The value of a field that must be there.
    pub(crate) fn required<'v>(
        &mut self,
        map: &'v Map<String, Value>,
        path: &[String],
        key: &str,
    ) -> Option<&'v Value> {
        let value = map.get(key).filter(|value| !value.is_null());
        if value.is_none() {
            self.mistyped(&at(path, key), "BASE_TYPE_REQUIRED", "This field is required");
        }
        value
    }

    /// A string within length limits (in characters); absent and null are none.
    pub(crate) fn string<'v>(
        &mut self,
        map: &'v Map<String, Value>,
        path: &[String],
        key: &str,
        length: RangeInclusive<usize>,
    ) -> Option<&'v str> {
        let value = map.get(key).filter(|value| !value.is_null())?;
        let Some(text) = value.as_str() else {
            self.mistyped(&at(path, key), "STRING_TYPE_CONVERT", format!("Could not interpret \"{value}\" as string."));
            return None;
        };
        let (min, max) = (*length.start(), *length.end());
        let count = text.chars().count();
        if count > max && min == 0 {
            self.refuse(&at(path, key), "BASE_TYPE_MAX_LENGTH", format!("Must be {max} or fewer in length."));
        } else if !length.contains(&count) {
            self.refuse(&at(path, key), "BASE_TYPE_BAD_LENGTH", format!("Must be between {min} and {max} in length."));
        }
        Some(text)
    }

    /// A string that must be there.
    pub(crate) fn required_string<'v>(
        &mut self,
        map: &'v Map<String, Value>,
        path: &[String],
        key: &str,
        length: RangeInclusive<usize>,
    ) -> Option<&'v str> {
        self.required(map, path, key)?;
        self.string(map, path, key, length)
    }

    /// A whole number, as a number or a string of digits.
    pub(crate) fn integer(&mut self, map: &Map<String, Value>, path: &[String], key: &str) -> Option<u64> {
        let value = map.get(key).filter(|value| !value.is_null())?;
        let number = value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        if number.is_none() {
            self.mistyped(&at(path, key), "NUMBER_TYPE_COERCE", format!("Value \"{value}\" is not int."));
        }
        number
    }

    /// A boolean; absent and null are `false`.
    pub(crate) fn boolean(&mut self, map: &Map<String, Value>, path: &[String], key: &str) -> bool {
        match map.get(key) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(value)) => *value,
            Some(_) => {
                self.mistyped(&at(path, key), "BOOLEAN_TYPE_CONVERT", "Must be either true or false.");
                false
            }
        }
    }

    /// A list of at most `max` entries; absent and null are none.
    pub(crate) fn list<'v>(
        &mut self,
        map: &'v Map<String, Value>,
        path: &[String],
        key: &str,
        max: usize,
    ) -> Option<&'v Vec<Value>> {
        let value = map.get(key).filter(|value| !value.is_null())?;
        let Some(list) = value.as_array() else {
            self.mistyped(&at(path, key), "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
            return None;
        };
        if list.len() > max {
            self.refuse(&at(path, key), "BASE_TYPE_MAX_LENGTH", format!("Must be {max} or fewer in length."));
        }
        Some(list)
    }
}
