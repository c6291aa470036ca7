//! Discord's error answers: an HTTP status and a JSON body with a documented code.

use std::fmt;

use serde_json::{Map, Value, json};

/// An error as Discord words it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DiscordError {
    pub(crate) status: u16,
    pub(crate) code: u32,
    pub(crate) message: &'static str,
    pub(crate) errors: Option<Value>,
}

macro_rules! errors {
    ($($name:ident = $status:literal, $code:literal, $message:literal;)*) => {$(
        pub(crate) const $name: DiscordError = DiscordError::new($status, $code, $message);
    )*};
}

impl DiscordError {
    errors! {
        UNAUTHORIZED = 401, 0, "401: Unauthorized";
        NOT_FOUND = 404, 0, "404: Not Found";
        METHOD_NOT_ALLOWED = 405, 0, "405: Method Not Allowed";
        UNKNOWN_APPLICATION = 404, 10002, "Unknown Application";
        UNKNOWN_CHANNEL = 404, 10003, "Unknown Channel";
        UNKNOWN_GUILD = 404, 10004, "Unknown Guild";
        UNKNOWN_MEMBER = 404, 10007, "Unknown Member";
        UNKNOWN_MESSAGE = 404, 10008, "Unknown Message";
        UNKNOWN_ROLE = 404, 10011, "Unknown Role";
        UNKNOWN_USER = 404, 10013, "Unknown User";
        UNKNOWN_WEBHOOK = 404, 10015, "Unknown Webhook";
        UNKNOWN_INTERACTION = 404, 10062, "Unknown interaction";
        UNKNOWN_COMMAND = 404, 10063, "Unknown application command";
        TOO_MANY_COMMANDS = 400, 30032, "Maximum number of application commands reached (100)";
        ALREADY_ACKNOWLEDGED = 400, 40060, "Interaction has already been acknowledged.";
        MISSING_ACCESS = 403, 50001, "Missing Access";
        NOT_THE_AUTHOR = 403, 50005, "Cannot edit a message authored by another user";
        EMPTY_MESSAGE = 400, 50006, "Cannot send an empty message";
        CANNOT_MESSAGE_USER = 403, 50007, "Cannot send messages to this user";
        MISSING_PERMISSIONS = 403, 50013, "Missing Permissions";
        INVALID_WEBHOOK_TOKEN = 401, 50027, "Invalid Webhook Token";
        INVALID_ROLE = 400, 50028, "Invalid role";
        INVALID_FORM = 400, 50035, "Invalid Form Body";
        INVALID_JSON = 400, 50109, "The request body contains invalid JSON.";
    }

    pub(crate) const fn new(status: u16, code: u32, message: &'static str) -> Self {
        Self { status, code, message, errors: None }
    }

    pub(crate) fn body(&self) -> Value {
        let mut body = json!({ "message": self.message, "code": self.code });
        if let Some(errors) = &self.errors {
            body["errors"] = errors.clone();
        }
        body
    }
}

impl fmt::Display for DiscordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.body())
    }
}

impl std::error::Error for DiscordError {}

/// What is wrong with a body, collected field by field into the tree that goes with code 50035.
#[derive(Debug, Default)]
pub(crate) struct FormErrors {
    tree: Value,
}

impl FormErrors {
    /// Notes one complaint about the field at `path` (object keys and array indices).
    pub(crate) fn add(&mut self, path: &[String], code: &str, message: impl Into<String>) {
        let mut node = &mut self.tree;
        for key in path {
            if !node.is_object() {
                *node = Value::Object(Map::new());
            }
            node = &mut node[key.as_str()];
        }
        if !node.is_object() {
            *node = Value::Object(Map::new());
        }
        let complaint = json!({ "code": code, "message": message.into() });
        match node["_errors"].as_array_mut() {
            Some(list) => list.push(complaint),
            None => node["_errors"] = json!([complaint]),
        }
    }

    /// `Ok` if nothing was wrong.
    pub(crate) fn finish(self) -> Result<(), DiscordError> {
        match self.tree {
            Value::Null => Ok(()),
            tree => Err(DiscordError { errors: Some(tree), ..DiscordError::INVALID_FORM }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_errors_nest_as_documented() {
        let mut errors = FormErrors::default();
        errors.add(&["embeds".into(), "0".into(), "title".into()], "BASE_TYPE_MAX_LENGTH", "too long");
        let error = errors.finish().unwrap_err();
        assert_eq!(
            error.body(),
            json!({
                "code": 50035, "message": "Invalid Form Body",
                "errors": {"embeds": {"0": {"title": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "too long"}]}}}},
            })
        );
        assert!(FormErrors::default().finish().is_ok());
    }
}
