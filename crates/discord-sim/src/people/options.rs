//! A command's use, checked against its registration and written as Discord writes it.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

use crate::ids::{ChannelId, GuildId, RoleId, UserId};
use crate::world::render::Resolved;
use crate::world::{Command, Guild, World, permissions};

/// The `data` of a command or autocomplete interaction.
pub(super) fn command_data(
    world: &World,
    guild: GuildId,
    user: UserId,
    path: &str,
    options: &Value,
    focused: Option<&str>,
) -> Result<Value> {
    let mut parts = path.split_whitespace();
    let name = parts.next().context("the command has no name")?;
    let command = world.slash_command(Some(guild), name).with_context(|| {
        let known: Vec<&str> = world.commands.values().map(Command::name).collect();
        format!("there is no command `/{name}`; registered are {known:?}")
    })?;
    check_permission(world, guild, user, command)?;
    let mut level = &command.body["options"];
    let mut taken = Vec::new();
    for part in parts {
        let found = level.as_array().into_iter().flatten().find(|option| option["name"] == part && is_nest(option));
        let found = found
            .with_context(|| format!("`/{path}`: there is no subcommand `{part}`; there are {:?}", names(level)))?;
        taken.push(found);
        level = &found["options"];
    }
    ensure!(
        !level.as_array().into_iter().flatten().any(is_nest),
        "`/{path}` needs a subcommand: one of {:?}",
        names(level)
    );
    let empty = Map::new();
    let given = match options {
        Value::Null => &empty,
        Value::Object(given) => given,
        other => bail!("options must be an object of values by name, not {other}"),
    };
    let mut filling = Filling { world, guild: world.guilds.get(&guild), path, focused, resolved: Resolved::default() };
    let mut filled = filling.fill(level, given)?;
    for nest in taken.into_iter().rev() {
        filled = json!([{ "name": nest["name"], "type": nest["type"], "options": filled }]);
    }
    let mut data = json!({ "id": command.id, "name": name, "type": 1, "options": filled });
    if let Some(guild) = command.guild {
        data["guild_id"] = json!(guild);
    }
    if let Some(resolved) = filling.resolved.into_value() {
        data["resolved"] = resolved;
    }
    Ok(data)
}

/// The type of the focused option in a finished `data`.
pub(super) fn focused_kind(data: &Value) -> Option<u64> {
    data["options"]
        .as_array()?
        .iter()
        .find_map(|option| if option["focused"] == true { option["type"].as_u64() } else { focused_kind(option) })
}

fn is_nest(option: &Value) -> bool {
    matches!(option["type"].as_u64(), Some(1 | 2))
}

fn names(level: &Value) -> Vec<&str> {
    level.as_array().into_iter().flatten().filter_map(|option| option["name"].as_str()).collect()
}

fn check_permission(world: &World, guild: GuildId, user: UserId, command: &Command) -> Result<()> {
    let required = match &command.body["default_member_permissions"] {
        Value::String(bits) => bits.parse::<u64>().unwrap_or_default(),
        _ => return Ok(()),
    };
    let place = world.guilds.get(&guild).context("there is no such guild")?;
    let own = place.members.get(&user).map_or(0, |member| place.permissions(member));
    let allowed = if required == 0 { own & permissions::ADMINISTRATOR != 0 } else { own & required == required };
    ensure!(allowed, "user {user} does not see `/{}`: it needs permissions {required}", command.name());
    Ok(())
}

struct Filling<'w> {
    world: &'w World,
    guild: Option<&'w Guild>,
    path: &'w str,
    focused: Option<&'w str>,
    resolved: Resolved,
}

impl Filling<'_> {
    fn fill(&mut self, level: &Value, given: &Map<String, Value>) -> Result<Value> {
        let path = self.path;
        let known = names(level);
        for name in given.keys() {
            ensure!(known.contains(&name.as_str()), "`/{path}` has no option `{name}`; it has {known:?}");
        }
        if let Some(focused) = self.focused {
            ensure!(known.contains(&focused), "`/{path}` has no option `{focused}`; it has {known:?}");
        }
        let mut filled = Vec::new();
        for option in level.as_array().into_iter().flatten() {
            let name = option["name"].as_str().unwrap_or_default();
            if self.focused == Some(name) {
                ensure!(option["autocomplete"] == true, "`/{path}`: `{name}` does not complete");
                let typed = match given.get(name) {
                    None | Some(Value::Null) => String::new(),
                    Some(Value::String(text)) => text.clone(),
                    Some(other) => other.to_string(),
                };
                filled.push(json!({ "name": name, "type": option["type"], "value": typed, "focused": true }));
                continue;
            }
            match given.get(name).filter(|value| !value.is_null()) {
                Some(value) => {
                    let value = self.value(option, value).with_context(|| format!("`/{path}`: option `{name}`"))?;
                    filled.push(json!({ "name": name, "type": option["type"], "value": value }));
                }
                None => {
                    let missing = option["required"] == true && self.focused.is_none();
                    ensure!(!missing, "`/{path}`: the required option `{name}` is missing");
                }
            }
        }
        Ok(Value::Array(filled))
    }

    fn value(&mut self, option: &Value, value: &Value) -> Result<Value> {
        let kind = option["type"].as_u64().unwrap_or_default();
        if let Some(choices) = option["choices"].as_array().filter(|choices| !choices.is_empty()) {
            let chosen = choices.iter().find(|choice| choice["value"] == *value || choice["name"] == *value);
            let chosen = chosen.with_context(|| format!("{value} is none of the choices"))?;
            return Ok(chosen["value"].clone());
        }
        match kind {
            3 => {
                let text = value.as_str().with_context(|| format!("{value} is not text"))?;
                let length = text.chars().count() as u64;
                let fits = length >= option["min_length"].as_u64().unwrap_or(0)
                    && length <= option["max_length"].as_u64().unwrap_or(6000);
                ensure!(fits, "the text is {length} characters long, which the option does not allow");
            }
            4 | 10 => {
                let fits = if kind == 4 { value.is_i64() || value.is_u64() } else { value.is_number() };
                ensure!(fits, "{value} is not {}", if kind == 4 { "a whole number" } else { "a number" });
                let number = value.as_f64().unwrap_or_default();
                ensure!(number.abs() <= 9_007_199_254_740_991.0, "{value} is beyond what Discord lets a person enter");
                ensure!(
                    option["min_value"].as_f64().is_none_or(|min| number >= min),
                    "{value} is below {}",
                    option["min_value"]
                );
                ensure!(
                    option["max_value"].as_f64().is_none_or(|max| number <= max),
                    "{value} is above {}",
                    option["max_value"]
                );
            }
            5 => ensure!(value.is_boolean(), "{value} is not true or false"),
            6..=9 => return self.entity(kind, value),
            11 => bail!("attachments are not simulated"),
            other => bail!("options of type {other} are unknown"),
        }
        Ok(value.clone())
    }

    /// A user, channel, role or "mentionable" (user or role), by id.
    fn entity(&mut self, kind: u64, value: &Value) -> Result<Value> {
        let id =
            value.as_u64().or_else(|| value.as_str()?.parse().ok()).with_context(|| format!("{value} is not an id"))?;
        let (world, guild) = (self.world, self.guild);
        let known = match kind {
            6 => self.resolved.add_user(world, guild, UserId(id)),
            7 => world.channels.get(&ChannelId(id)).is_some_and(|place| {
                self.resolved.add_channel(world, place);
                true
            }),
            8 => self.resolved.add_role(guild, RoleId(id)),
            _ => self.resolved.add_user(world, guild, UserId(id)) || self.resolved.add_role(guild, RoleId(id)),
        };
        ensure!(known, "nobody and nothing here has the id {id}");
        Ok(json!(id.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::Form;
    use crate::world::{Demo, commands};

    fn world() -> World {
        let mut world = World::demo();
        world.adopt(crate::ids::ApplicationId(9));
        let body = json!({"name": "season", "description": "d", "options": [
            {"type": 1, "name": "create", "description": "d", "options": [
                {"type": 3, "name": "title", "description": "d", "required": true, "max_length": 10},
                {"type": 4, "name": "days", "description": "d", "min_value": 1, "max_value": 90},
                {"type": 6, "name": "leader", "description": "d"},
                {"type": 3, "name": "mode", "description": "d", "choices": [{"name": "Quick", "value": "q"}]},
                {"type": 3, "name": "item", "description": "d", "autocomplete": true}]}]});
        let hidden = json!({"name": "secret", "description": "d", "default_member_permissions": "0"});
        for body in [body, hidden] {
            let checked = commands::check(&mut Form::default(), &body, &[]).unwrap();
            world.upsert_command(None, checked).unwrap();
        }
        world
    }

    #[test]
    fn a_use_is_checked_against_the_registration() {
        let world = world();
        for (path, options, want) in [
            ("season create", json!({"title": "Autumn", "days": 5}), ""),
            ("season create", json!({"title": "Autumn", "mode": "Quick"}), ""),
            ("season create", json!({"title": "Autumn", "leader": Demo::BRAM}), ""),
            ("raid", json!({}), "no command `/raid`"),
            ("season", json!({}), "needs a subcommand"),
            ("season end", json!({}), "no subcommand `end`"),
            ("season create", json!({}), "required option `title`"),
            ("season create", json!({"titel": "x"}), "no option `titel`"),
            ("season create", json!({"title": 5}), "not text"),
            ("season create", json!({"title": "much too long a title"}), "does not allow"),
            ("season create", json!({"title": "x", "days": "5"}), "not a whole number"),
            ("season create", json!({"title": "x", "days": 0}), "below 1"),
            ("season create", json!({"title": "x", "leader": "17"}), "nobody"),
            ("season create", json!({"title": "x", "mode": "Slow"}), "none of the choices"),
            ("secret", json!({}), "does not see"),
        ] {
            let got = command_data(&world, Demo::GUILD, Demo::BRAM, path, &options, None);
            let error = got.err().map(|error| format!("{error:#}")).unwrap_or_default();
            assert!(error.contains(want) && error.is_empty() == want.is_empty(), "/{path} {options}: {error}");
        }
        assert!(command_data(&world, Demo::GUILD, Demo::ADA, "secret", &json!({}), None).is_ok());
    }

    #[test]
    fn data_is_shaped_as_documented() {
        let world = world();
        let options = json!({"title": "Autumn", "leader": Demo::BRAM});
        let data = command_data(&world, Demo::GUILD, Demo::BRAM, "season create", &options, None).unwrap();
        let create = &data["options"][0];
        assert_eq!((&create["name"], &create["type"]), (&json!("create"), &json!(1)));
        assert_eq!(create["options"][1], json!({"name": "leader", "type": 6, "value": Demo::BRAM}));
        let bram = Demo::BRAM.to_string();
        assert_eq!(data["resolved"]["users"][&bram]["username"], "bram");
        assert!(data["resolved"]["members"][&bram].get("user").is_none());

        let partial =
            command_data(&world, Demo::GUILD, Demo::BRAM, "season create", &json!({"item": "wo"}), Some("item"))
                .unwrap();
        assert_eq!(
            partial["options"][0]["options"][0],
            json!({"name": "item", "type": 3, "value": "wo", "focused": true})
        );
        assert_eq!(focused_kind(&partial), Some(3));
    }
}
