//! Registered application commands, and Discord's rules for what may be registered.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{World, render};
use crate::error::DiscordError;
use crate::form::{Form, at};
use crate::ids::{CommandId, GuildId};

/// A registered command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Its id.
    pub id: CommandId,
    /// The guild it is registered in; none for global commands.
    pub guild: Option<GuildId>,
    /// Changes with every change of the command.
    pub version: u64,
    /// Name, description, options and so on, as Discord's command object.
    pub body: Value,
}

impl Command {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.body["name"].as_str().unwrap_or_default()
    }

    fn kind(&self) -> u64 {
        self.body["type"].as_u64().unwrap_or(1)
    }
}

const FIELDS: &[&str] = &[
    "id",
    "application_id",
    "guild_id",
    "version",
    "type",
    "name",
    "name_localizations",
    "description",
    "description_localizations",
    "options",
    "default_member_permissions",
    "dm_permission",
    "default_permission",
    "nsfw",
    "integration_types",
    "contexts",
    "handler",
];
const OPTION_FIELDS: &[&str] = &[
    "type",
    "name",
    "name_localizations",
    "description",
    "description_localizations",
    "required",
    "choices",
    "options",
    "channel_types",
    "min_value",
    "max_value",
    "min_length",
    "max_length",
    "autocomplete",
];
const SUBCOMMAND: u64 = 1;
const GROUP: u64 = 2;

impl World {
    /// The commands registered globally, or in a guild.
    pub(crate) fn commands_in(&self, guild: Option<GuildId>) -> impl Iterator<Item = &Command> {
        self.commands.values().filter(move |command| command.guild == guild)
    }

    /// The slash command a person in `guild` gets by this name; a guild's own goes before a global one.
    pub(crate) fn slash_command(&self, guild: Option<GuildId>, name: &str) -> Option<&Command> {
        let named = |command: &&Command| command.name() == name && command.kind() == 1;
        guild.and_then(|guild| self.commands_in(Some(guild)).find(named)).or_else(|| self.commands_in(None).find(named))
    }

    /// Registers a command, or replaces the one of the same name and type. Tells whether it is new.
    pub(crate) fn upsert_command(
        &mut self,
        guild: Option<GuildId>,
        body: Value,
    ) -> Result<(Value, bool), DiscordError> {
        let version = self.clock.snowflake();
        let kind = body["type"].as_u64().unwrap_or(1);
        let same = |command: &&Command| command.name() == body["name"] && command.kind() == kind;
        let known = self.commands_in(guild).find(same).map(|command| command.id);
        if known.is_none() && self.commands_in(guild).filter(|command| command.kind() == kind).count() >= 100 {
            return Err(DiscordError::TOO_MANY_COMMANDS);
        }
        let id = known.unwrap_or_else(|| CommandId(self.clock.snowflake()));
        let command = Command { id, guild, version, body };
        let shown = render::command(self, &command);
        self.commands.insert(id, command);
        Ok((shown, known.is_none()))
    }

    /// Replaces all commands of a place. Those whose name stays keep their id.
    pub(crate) fn overwrite_commands(
        &mut self,
        guild: Option<GuildId>,
        bodies: Vec<Value>,
    ) -> Result<Value, DiscordError> {
        if bodies.iter().filter(|body| body["type"].as_u64().unwrap_or(1) == 1).count() > 100 {
            return Err(DiscordError::TOO_MANY_COMMANDS);
        }
        let old: Vec<CommandId> = self.commands_in(guild).map(|command| command.id).collect();
        let mut kept = BTreeSet::new();
        let mut shown = Vec::new();
        for body in bodies {
            let kind = body["type"].as_u64().unwrap_or(1);
            let same = |command: &&Command| command.name() == body["name"] && command.kind() == kind;
            let unchanged = self.commands_in(guild).find(same).filter(|command| command.body == body).cloned();
            let command = match unchanged {
                Some(command) => {
                    kept.insert(command.id);
                    render::command(self, &command)
                }
                None => self.upsert_command(guild, body)?.0,
            };
            if let Some(id) = command["id"].as_str().and_then(|id| id.parse().ok()) {
                kept.insert(id);
            }
            shown.push(command);
        }
        for id in old.into_iter().filter(|id| !kept.contains(id)) {
            self.commands.remove(&id);
        }
        Ok(Value::Array(shown))
    }
}

/// Checks several commands of one place together.
pub(crate) fn check_all(form: &mut Form, bodies: &[Value]) -> Vec<Value> {
    let mut names = BTreeSet::new();
    let mut checked = Vec::new();
    for (index, body) in bodies.iter().enumerate() {
        let path = [index.to_string()];
        let Some(command) = check(form, body, &path) else { continue };
        if !names.insert((command["type"].to_string(), command["name"].to_string())) {
            form.refuse(
                &at(&path, "name"),
                "APPLICATION_COMMANDS_DUPLICATE_NAME",
                "Application command names must be unique",
            );
        }
        checked.push(command);
    }
    checked
}

/// Checks one command; returns it as Discord would store it.
pub(crate) fn check(form: &mut Form, body: &Value, path: &[String]) -> Option<Value> {
    let map = form.object(body, path, FIELDS)?;
    let kind = form.integer(map, path, "type").unwrap_or(1);
    let name = form.required_string(map, path, "name", 1..=32).unwrap_or_default();
    if kind == 1 {
        check_name(form, &at(path, "name"), name);
        form.required_string(map, path, "description", 1..=100);
    } else if map.get("description").and_then(Value::as_str).is_some_and(|text| !text.is_empty()) {
        form.refuse(
            &at(path, "description"),
            "APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION",
            "Context menu commands cannot have description",
        );
    }
    check_options(form, map, path, 0);
    if command_length(map) > 8_000 {
        form.refuse(path, "APPLICATION_COMMAND_TOO_LARGE", "Command exceeds maximum size (8000)");
    }
    let or = |key: &str, default: Value| map.get(key).filter(|value| !value.is_null()).cloned().unwrap_or(default);
    Some(json!({
        "type": kind, "name": name, "name_localizations": or("name_localizations", Value::Null),
        "description": or("description", json!("")),
        "description_localizations": or("description_localizations", Value::Null),
        "options": or("options", json!([])),
        "default_member_permissions": or("default_member_permissions", Value::Null),
        "dm_permission": or("dm_permission", json!(true)), "nsfw": or("nsfw", json!(false)),
        "integration_types": or("integration_types", json!([0])), "contexts": or("contexts", Value::Null),
    }))
}

fn check_name(form: &mut Form, path: &[String], name: &str) {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '\'');
    if name.is_empty() || !name.chars().all(fits) || name != name.to_lowercase() {
        form.refuse(path, "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid");
    }
}

fn check_options(form: &mut Form, map: &Map<String, Value>, path: &[String], depth: usize) {
    let Some(options) = form.list(map, path, "options", 25) else { return };
    let path = at(path, "options");
    let mut names = BTreeSet::new();
    let mut optional_seen = false;
    for (index, option) in options.iter().enumerate() {
        let path = at(&path, index);
        let Some(option) = form.object(option, &path, OPTION_FIELDS) else { continue };
        let kind = form.required(option, &path, "type").and_then(Value::as_u64).unwrap_or_default();
        let name = form.required_string(option, &path, "name", 1..=32).unwrap_or_default();
        check_name(form, &at(&path, "name"), name);
        form.required_string(option, &path, "description", 1..=100);
        if !names.insert(name) {
            let message = "Option names must be unique";
            form.refuse(&at(&path, "name"), "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", message);
        }
        let required = form.boolean(option, &path, "required");
        if required && optional_seen {
            let message = "Required options must be placed before non-required options";
            form.refuse(&path, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", message);
        }
        optional_seen |= !required;
        let nests = kind == SUBCOMMAND && depth <= 1 || kind == GROUP && depth == 0;
        match kind {
            SUBCOMMAND | GROUP if nests => check_options(form, option, &path, if kind == GROUP { 1 } else { 2 }),
            3..=11 => check_leaf(form, option, &path, kind),
            _ => form.refuse(
                &at(&path, "type"),
                "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
                "Option type is invalid here",
            ),
        }
    }
    let subcommands =
        options.iter().filter(|option| matches!(option["type"].as_u64(), Some(SUBCOMMAND | GROUP))).count();
    if subcommands != 0 && subcommands != options.len() {
        let message = "Sub-command and sub-command group option types are mutually exclusive to all other types";
        form.refuse(&path, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", message);
    }
}

fn check_leaf(form: &mut Form, option: &Map<String, Value>, path: &[String], kind: u64) {
    let choices = form.list(option, path, "choices", 25).map_or(&[][..], Vec::as_slice);
    if form.boolean(option, path, "autocomplete") && !choices.is_empty() {
        let message = "Autocomplete cannot be enabled for options that have choices";
        form.refuse(&at(path, "autocomplete"), "APPLICATION_COMMAND_AUTOCOMPLETE_CHOICES", message);
    }
    let path = at(path, "choices");
    let mut names = BTreeSet::new();
    for (index, choice) in choices.iter().enumerate() {
        let path = at(&path, index);
        check_choice(form, choice, &path, kind);
        if !names.insert(choice["name"].as_str()) {
            let message = "Choice names must be unique";
            form.refuse(&at(&path, "name"), "APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_EXISTS", message);
        }
    }
}

/// Checks one choice, of a command or of an autocomplete answer.
pub(crate) fn check_choice(form: &mut Form, choice: &Value, path: &[String], kind: u64) {
    let Some(choice) = form.object(choice, path, &["name", "name_localizations", "value"]) else { return };
    form.required_string(choice, path, "name", 1..=100);
    let Some(value) = form.required(choice, path, "value") else { return };
    let fits = match kind {
        3 => value.as_str().is_some_and(|text| text.chars().count() <= 100),
        4 => value.is_i64() || value.is_u64(),
        10 => value.is_number(),
        _ => false,
    };
    if !fits {
        form.refuse(
            &at(path, "value"),
            "APPLICATION_COMMAND_OPTIONS_CHOICE_VALUE_INVALID",
            "Choice value is of the wrong type or too long",
        );
    }
}

/// Names, descriptions and string values count together.
fn command_length(map: &Map<String, Value>) -> usize {
    let own = ["name", "description", "value"].iter().filter_map(|key| map.get(*key)?.as_str());
    let nested = ["options", "choices"].iter().filter_map(|key| map.get(*key)?.as_array()).flatten();
    own.map(|text| text.chars().count()).sum::<usize>()
        + nested.filter_map(Value::as_object).map(command_length).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registration_rules() {
        let long = "x".repeat(101);
        let many: Vec<Value> = (0..26).map(|n| json!({"name": format!("n{n}"), "value": n.to_string()})).collect();
        let option = |extra: Value| {
            let mut option = json!({"type": 3, "name": "what", "description": "What"});
            option.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            json!({"name": "turn-in", "description": "Hand in", "options": [option]})
        };
        for (body, want) in [
            (json!({"name": "turn-in", "description": "Hand in"}), None),
            (json!({"name": "übergabe", "description": "Hand in"}), None),
            (json!({"name": "Turn", "description": "Hand in"}), Some("APPLICATION_COMMAND_INVALID_NAME")),
            (json!({"name": "turn in", "description": "Hand in"}), Some("APPLICATION_COMMAND_INVALID_NAME")),
            (json!({"name": "turn"}), Some("BASE_TYPE_REQUIRED")),
            (json!({"name": "turn", "description": ""}), Some("BASE_TYPE_BAD_LENGTH")),
            (json!({"name": "turn", "description": long}), Some("BASE_TYPE_BAD_LENGTH")),
            (option(json!({})), None),
            (option(json!({"choices": many})), Some("BASE_TYPE_MAX_LENGTH")),
            (
                option(json!({"choices": [{"name": "a", "value": 1}]})),
                Some("APPLICATION_COMMAND_OPTIONS_CHOICE_VALUE_INVALID"),
            ),
            (
                option(json!({"choices": [{"name": "a", "value": "1"}], "autocomplete": true})),
                Some("APPLICATION_COMMAND_AUTOCOMPLETE_CHOICES"),
            ),
            (option(json!({"type": 77})), Some("APPLICATION_COMMAND_OPTIONS_TYPE_INVALID")),
            (
                json!({"name": "a", "description": "b", "options": [
                    {"type": 3, "name": "x", "description": "x"}, {"type": 3, "name": "y", "description": "y", "required": true}]}),
                Some("APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID"),
            ),
            (
                json!({"name": "a", "description": "b", "options": [
                    {"type": 1, "name": "x", "description": "x"}, {"type": 3, "name": "y", "description": "y"}]}),
                Some("APPLICATION_COMMAND_OPTIONS_TYPE_INVALID"),
            ),
        ] {
            let mut form = Form::default();
            check(&mut form, &body, &[]);
            let error = form.finish().0.err().map(|error| error.body().to_string());
            match want {
                None => assert_eq!(error, None, "{body}"),
                Some(code) => assert!(error.as_deref().is_some_and(|e| e.contains(code)), "{body}: {error:?}"),
            }
        }
    }

    #[test]
    fn a_bulk_overwrite_keeps_ids_of_names_that_stay_and_drops_the_rest() {
        let mut world = World::demo();
        let body = |name: &str| check(&mut Form::default(), &json!({"name": name, "description": "d"}), &[]).unwrap();
        let first = world.overwrite_commands(None, vec![body("a"), body("b")]).unwrap();
        let second = world.overwrite_commands(None, vec![body("b"), body("c")]).unwrap();
        assert_eq!(first[1], second[0]);
        assert_eq!(world.commands_in(None).map(Command::name).collect::<Vec<_>>(), ["b", "c"]);
        let all = (0..101).map(|n| body(&format!("c{n}"))).collect();
        assert_eq!(world.overwrite_commands(None, all), Err(DiscordError::TOO_MANY_COMMANDS));
    }
}
