//! Owns how commands are described to Discord, and the comparison with what Discord has.

use domain::{Quantity, name::Name};
use serde_json::{Map, Value, json};

use super::TEXT_LIMIT;

const SUBCOMMAND: u8 = 1;
const STRING: u8 = 3;
const INTEGER: u8 = 4;
const BOOLEAN: u8 = 5;
const USER: u8 = 6;
const CHANNEL: u8 = 7;
const ROLE: u8 = 8;

/// Text and announcement channels.
const CHANNELS_WITH_MESSAGES: [u8; 2] = [0, 5];
/// Manage Server. Discord doesn't merely hide a command from people without it, it keeps them from using it; so
/// only the set-up asks for it, and everything else leaves it to Guildhall who is an officer.
const MANAGE_GUILD: &str = "32";

/// All commands, as they are registered.
pub(crate) fn definitions() -> Vec<Value> {
    vec![
        command("ping", "See whether I'm awake", vec![]),
        command(
            "register",
            "Register with the guild; an officer then verifies you",
            vec![
                needed(text("name", "What you are called in the game", Name::MAX)),
                text("game_id", "Your profile's id in the game", 100),
            ],
        ),
        command("verify", "Officers: verify a member", vec![needed(option(USER, "member", "Whom"))]),
        command(
            "season",
            "Seasons: what runs, and taking part",
            vec![
                subcommand(
                    "create",
                    "Officers: create a season",
                    vec![
                        needed(text("name", "Its name", Name::MAX)),
                        needed(text("starts", "First day: YYYY-MM-DD, or YYYY-MM-DD HH:MM in UTC", 16)),
                        needed(text("ends", "Last day, included: YYYY-MM-DD, or an exact YYYY-MM-DD HH:MM", 16)),
                        option(BOOLEAN, "review", "Whether submissions wait for an officer"),
                        whole("number", "Its number; the next free one when left out", i32::MAX.into()),
                    ],
                ),
                subcommand("list", "Show the seasons", vec![]),
                subcommand("join", "Take part in a season", vec![season()]),
            ],
        ),
        command(
            "item",
            "Officers: items of a season",
            vec![subcommand(
                "add",
                "Officers: make an item worth points in a season",
                vec![
                    needed(text("name", "Its name", Name::MAX)),
                    needed(whole("points", "What one is worth", 1_000_000_000)),
                    season(),
                    text("game_id", "Its id in the game", 100),
                ],
            )],
        ),
        command(
            "rank",
            "Officers: ranks of a season",
            vec![subcommand(
                "add",
                "Officers: add a rank to a season's ladder",
                vec![
                    needed(text("name", "Its name", Name::MAX)),
                    needed(whole("threshold", "The points that reach it", 1_000_000_000_000)),
                    option(ROLE, "role", "A role it gives"),
                    whole("number", "Its number; the next above all when left out", i32::MAX.into()),
                    season(),
                ],
            )],
        ),
        command(
            "submit",
            "Hand something in",
            vec![
                needed(completed("item", "What")),
                needed(whole("quantity", "How many", Quantity::MAX.into())),
                option(USER, "member", "Officers: for whom"),
                text("note", "Words for the officers", TEXT_LIMIT),
            ],
        ),
        command(
            "review",
            "Officers: decide on what waits for review",
            vec![
                subcommand(
                    "approve",
                    "Officers: let a submission count",
                    vec![needed(completed("submission", "Which"))],
                ),
                subcommand(
                    "refuse",
                    "Officers: refuse a submission",
                    vec![
                        needed(completed("submission", "Which")),
                        needed(text("reason", "Why; the member reads it", TEXT_LIMIT)),
                    ],
                ),
            ],
        ),
        command("me", "Your points, rank and prizes", vec![season()]),
        command("leaderboard", "Who is ahead", vec![season()]),
        Value::Object(
            [
                command(
                    "setup",
                    "Officers: choose channels and see what is wrong",
                    vec![
                        channel("officer_channel", "Where officers are told of registrations and reviews"),
                        channel("announcement_channel", "Where everybody is told of ranks and winners"),
                    ],
                ),
                json!({ "default_member_permissions": MANAGE_GUILD }),
            ]
            .into_iter()
            .filter_map(|part| if let Value::Object(part) = part { Some(part) } else { None })
            .flatten()
            .collect(),
        ),
    ]
}

/// A command for servers only, installed to servers only.
fn command(name: &str, description: &str, options: Vec<Value>) -> Value {
    json!({
        "type": 1, "name": name, "description": description, "options": options,
        "contexts": [0], "integration_types": [0],
    })
}

fn subcommand(name: &str, description: &str, options: Vec<Value>) -> Value {
    json!({ "type": SUBCOMMAND, "name": name, "description": description, "options": options })
}

fn option(kind: u8, name: &str, description: &str) -> Value {
    json!({ "type": kind, "name": name, "description": description })
}

fn text(name: &str, description: &str, max: usize) -> Value {
    json!({ "type": STRING, "name": name, "description": description, "max_length": max })
}

fn whole(name: &str, description: &str, max: i64) -> Value {
    json!({ "type": INTEGER, "name": name, "description": description, "min_value": 1, "max_value": max })
}

fn completed(name: &str, description: &str) -> Value {
    json!({ "type": STRING, "name": name, "description": description, "autocomplete": true })
}

fn season() -> Value {
    completed("season", "Which season; the current one when left out")
}

fn channel(name: &str, description: &str) -> Value {
    json!({ "type": CHANNEL, "name": name, "description": description, "channel_types": CHANNELS_WITH_MESSAGES })
}

fn needed(mut option: Value) -> Value {
    option["required"] = json!(true);
    option
}

/// Whether Discord has other commands than those wanted.
pub(crate) fn differ(wanted: &[Value], registered: &[Value]) -> bool {
    let normal = |commands: &[Value]| {
        let mut commands: Vec<Value> = commands.iter().map(|command| essence(command, &COMMAND_FIELDS)).collect();
        commands.sort_by_key(|command| command["name"].to_string());
        commands
    };
    normal(wanted) != normal(registered)
}

const COMMAND_FIELDS: [&str; 7] =
    ["type", "name", "description", "options", "default_member_permissions", "contexts", "integration_types"];
const OPTION_FIELDS: [&str; 11] = [
    "type",
    "name",
    "description",
    "options",
    "required",
    "autocomplete",
    "min_value",
    "max_value",
    "min_length",
    "max_length",
    "channel_types",
];

/// What a definition says, without what Discord adds and without what only states a default.
fn essence(definition: &Value, fields: &[&str]) -> Value {
    let mut essence = Map::new();
    for field in fields {
        let value = match &definition[*field] {
            Value::Null | Value::Bool(false) => continue,
            Value::Array(list) if list.is_empty() => continue,
            Value::Array(list) if *field == "options" => {
                list.iter().map(|option| self::essence(option, &OPTION_FIELDS)).collect()
            }
            // Discord may write a whole number as 1.0.
            Value::Number(number) => json!(number.as_f64()),
            other => other.clone(),
        };
        essence.insert((*field).to_owned(), value);
    }
    Value::Object(essence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(definition: &Value, where_: &str) {
        let name = definition["name"].as_str().unwrap();
        let at = format!("{where_}/{name}");
        assert!((1..=32).contains(&name.len()) && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{at}");
        assert!((1..=100).contains(&definition["description"].as_str().unwrap().chars().count()), "{at}");
        let options = definition["options"].as_array().cloned().unwrap_or_default();
        assert!(options.len() <= 25, "{at}");
        let required: Vec<bool> = options.iter().map(|option| option["required"] == true).collect();
        assert!(required.is_sorted_by(|a, b| a >= b), "{at}: required options come first");
        for option in &options {
            check(option, &at);
        }
    }

    #[test]
    fn definitions_stay_within_discords_limits_and_match_what_is_answered() {
        let mut paths = Vec::new();
        for definition in definitions() {
            check(&definition, "");
            assert!(definition.to_string().len() < 8_000);
            let name = definition["name"].as_str().unwrap();
            let subs: Vec<_> =
                definition["options"].as_array().unwrap().iter().filter(|option| option["type"] == 1).collect();
            if subs.is_empty() {
                paths.push(name.to_owned());
            }
            paths.extend(subs.iter().map(|sub| format!("{name} {}", sub["name"].as_str().unwrap())));
        }
        paths.sort();
        let mut known = super::super::PATHS.map(str::to_owned).to_vec();
        known.sort();
        assert_eq!(paths, known);
    }

    #[test]
    fn commands_are_registered_only_when_they_differ() {
        let wanted = definitions();
        let mut registered = wanted.clone();
        registered.reverse();
        for (index, command) in registered.iter_mut().enumerate() {
            for (key, value) in [
                ("id", json!(index.to_string())),
                ("application_id", json!("5")),
                ("version", json!("7")),
                ("nsfw", json!(false)),
                ("name_localizations", Value::Null),
            ] {
                command[key] = value;
            }
            if command["default_member_permissions"].is_null() {
                command["default_member_permissions"] = Value::Null;
            }
            for option in command["options"].as_array_mut().unwrap() {
                if option["min_value"].is_number() {
                    option["min_value"] = json!(1.0);
                }
                if option["required"].is_null() {
                    option["required"] = json!(false);
                }
            }
        }
        assert!(!differ(&wanted, &registered));
        registered[0]["description"] = json!("another");
        assert!(differ(&wanted, &registered));
        assert!(differ(&wanted, &registered[1..]));
        assert!(differ(&wanted, &[]));
    }
}
