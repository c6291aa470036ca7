//! Which routes there are. Everything else is 404, or 405 where only the method is wrong.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::{Answered, Call, applications, channels, guilds, interactions, webhooks};

/// One documented route.
pub(crate) struct Route {
    method: &'static str,
    /// `{}` stands for a variable segment.
    pub(crate) pattern: &'static str,
    /// Whether it needs the bot token (and counts against the global limit).
    pub(crate) authenticated: bool,
    pub(crate) bucket: Bucket,
    pub(crate) endpoint: fn(&Call<'_>) -> Answered,
}

/// Which rate limit applies.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Bucket {
    MemberRoles,
    MessageCreate,
    /// One for the route alone.
    Own,
}

/// The route for a request.
pub(crate) enum Found {
    Endpoint(&'static Route, Vec<String>),
    WrongMethod,
    Nothing,
}

const fn route(method: &'static str, pattern: &'static str, endpoint: fn(&Call<'_>) -> Answered) -> Route {
    Route { method, pattern, authenticated: true, bucket: Bucket::Own, endpoint }
}

/// A route whose path holds its own credential, or that needs none.
const fn open(method: &'static str, pattern: &'static str, endpoint: fn(&Call<'_>) -> Answered) -> Route {
    Route { authenticated: false, ..route(method, pattern, endpoint) }
}

const fn limited(bucket: Bucket, route: Route) -> Route {
    Route { bucket, ..route }
}

const COMMANDS: &str = "/applications/{}/commands";
const COMMAND: &str = "/applications/{}/commands/{}";
const GUILD_COMMANDS: &str = "/applications/{}/guilds/{}/commands";
const GUILD_COMMAND: &str = "/applications/{}/guilds/{}/commands/{}";
const ROLES: &str = "/guilds/{}/roles";
const ROLE: &str = "/guilds/{}/roles/{}";
const MEMBER_ROLE: &str = "/guilds/{}/members/{}/roles/{}";
const MESSAGES: &str = "/channels/{}/messages";
const MESSAGE: &str = "/channels/{}/messages/{}";
const ANSWERS: &str = "/webhooks/{}/{}";
const ANSWER: &str = "/webhooks/{}/{}/messages/{}";

static ROUTES: &[Route] = &[
    open("GET", "/gateway", applications::gateway),
    route("GET", "/gateway/bot", applications::gateway_bot),
    route("GET", "/users/@me", applications::me),
    route("GET", "/users/{}", applications::user),
    route("POST", "/users/@me/channels", channels::open_dm),
    route("GET", "/oauth2/applications/@me", applications::application),
    route("GET", "/applications/@me", applications::application),
    route("GET", COMMANDS, applications::list_commands),
    route("POST", COMMANDS, applications::create_command),
    route("PUT", COMMANDS, applications::overwrite_commands),
    route("GET", COMMAND, applications::command),
    route("PATCH", COMMAND, applications::edit_command),
    route("DELETE", COMMAND, applications::delete_command),
    route("GET", GUILD_COMMANDS, applications::list_commands),
    route("POST", GUILD_COMMANDS, applications::create_command),
    route("PUT", GUILD_COMMANDS, applications::overwrite_commands),
    route("GET", GUILD_COMMAND, applications::command),
    route("PATCH", GUILD_COMMAND, applications::edit_command),
    route("DELETE", GUILD_COMMAND, applications::delete_command),
    route("GET", "/guilds/{}", guilds::guild),
    route("GET", ROLES, guilds::roles),
    route("POST", ROLES, guilds::create_role),
    route("PATCH", ROLES, guilds::move_roles),
    route("GET", ROLE, guilds::role),
    route("PATCH", ROLE, guilds::edit_role),
    route("DELETE", ROLE, guilds::delete_role),
    route("GET", "/guilds/{}/channels", guilds::channels),
    route("GET", "/guilds/{}/members", guilds::members),
    route("GET", "/guilds/{}/members/{}", guilds::member),
    limited(Bucket::MemberRoles, route("PUT", MEMBER_ROLE, guilds::add_member_role)),
    limited(Bucket::MemberRoles, route("DELETE", MEMBER_ROLE, guilds::remove_member_role)),
    route("GET", "/channels/{}", channels::channel),
    route("GET", MESSAGES, channels::messages),
    limited(Bucket::MessageCreate, route("POST", MESSAGES, channels::create_message)),
    route("GET", MESSAGE, channels::message),
    route("PATCH", MESSAGE, channels::edit_message),
    route("DELETE", MESSAGE, channels::delete_message),
    open("POST", "/interactions/{}/{}/callback", interactions::callback),
    open("POST", ANSWERS, webhooks::follow_up),
    open("GET", ANSWER, webhooks::message),
    open("PATCH", ANSWER, webhooks::edit),
    open("DELETE", ANSWER, webhooks::delete),
];

/// Finds the route for a path below `/api/v10`.
pub(crate) fn find(method: &str, path: &str) -> Found {
    let mut found = Found::Nothing;
    for route in ROUTES {
        // `/users/@me` is no user id: a literal segment goes before a variable one, as the table is ordered.
        let Some(args) = arguments(route.pattern, path) else { continue };
        if route.method == method {
            return Found::Endpoint(route, args);
        }
        found = Found::WrongMethod;
    }
    found
}

fn arguments(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut args = Vec::new();
    let mut segments = path.split('/');
    for wanted in pattern.split('/') {
        match (wanted, segments.next()?) {
            ("{}", "") => return None,
            ("{}", segment) => args.push(segment.to_owned()),
            (literal, segment) if literal == segment => {}
            _ => return None,
        }
    }
    segments.next().is_none().then_some(args)
}

impl Route {
    /// The bucket with its major parameter: guild, channel, or webhook id and token.
    pub(crate) fn bucket_key(&self, args: &[String]) -> String {
        let major = match self.pattern.split('/').nth(1) {
            Some("guilds" | "channels") => args.first().map_or("", String::as_str).to_owned(),
            Some("webhooks" | "interactions") => args.iter().take(2).cloned().collect::<Vec<_>>().join("/"),
            _ => String::new(),
        };
        format!("{} {major}", self.name())
    }

    fn name(&self) -> String {
        match self.bucket {
            Bucket::MemberRoles => "member-roles".into(),
            Bucket::MessageCreate => "message-create".into(),
            Bucket::Own => format!("{} {}", self.method, self.pattern),
        }
    }

    /// The opaque bucket name in the headers.
    pub(crate) fn bucket_hash(&self) -> String {
        let digest = Sha256::digest(self.name().as_bytes());
        digest.iter().take(16).fold(String::new(), |mut text, byte| {
            // Writing to a string cannot fail.
            _ = write!(text, "{byte:02x}");
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routing() {
        for (method, path, want) in [
            ("GET", "/users/@me", "/users/@me"),
            ("GET", "/users/12", "/users/{}"),
            ("PUT", "/guilds/1/members/2/roles/3", MEMBER_ROLE),
            ("PATCH", "/webhooks/1/tok/messages/@original", ANSWER),
            ("PATCH", "/guilds/1/members/2/roles/3", "405"),
            ("DELETE", "/gateway", "405"),
            ("GET", "/guilds/1/emojis", "404"),
            ("GET", "/guilds//roles", "404"),
        ] {
            let found = match find(method, path) {
                Found::Endpoint(route, _) => route.pattern,
                Found::WrongMethod => "405",
                Found::Nothing => "404",
            };
            assert_eq!(found, want, "{method} {path}");
        }
    }

    #[test]
    fn giving_and_taking_roles_share_a_bucket_per_guild() {
        let key = |method, path| match find(method, path) {
            Found::Endpoint(route, args) => route.bucket_key(&args),
            _ => String::new(),
        };
        let given = key("PUT", "/guilds/1/members/2/roles/3");
        assert_eq!(given, key("DELETE", "/guilds/1/members/9/roles/8"));
        assert_ne!(given, key("PUT", "/guilds/2/members/2/roles/3"));
    }
}
