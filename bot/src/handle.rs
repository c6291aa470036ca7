//! Owns the way from an interaction to an answer: what is sent first, and what follows only after that.
//!
//! Nothing here talks to Discord. The runner sends `first`, waits until Discord has it, and only then does `then`.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use client::{Client, ClientError, Guild};
use domain::{CommandId, GuildId, UserId};
use futures::future::BoxFuture;
use messages::{
    command::{ActorRef, Command, CommandEnvelope, Via},
    trace::TraceParent,
};

use crate::{
    autocomplete::Lookup,
    commands, components,
    interaction::{Invocation, Options, What},
    reply::{First, Reply},
    text,
};

/// What handlers need.
#[derive(Debug, Clone)]
pub(crate) struct Deps {
    pub(crate) api: Client,
    pub(crate) lookup: Arc<Lookup>,
    pub(crate) guild_filter: Option<Arc<BTreeSet<GuildId>>>,
}

/// An interaction decided on.
pub(crate) struct Handled {
    /// What Discord is told at once.
    pub(crate) first: First,
    /// What is done after that.
    pub(crate) then: Option<BoxFuture<'static, Then>>,
}

/// What follows the first response.
#[derive(Debug)]
pub(crate) enum Then {
    /// Edit the first response.
    Edit(Reply),
    /// Publish a command; its outcome edits the first response.
    Publish(Box<CommandEnvelope>),
}

/// Why a command can't be answered as wanted.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The API said no, or nothing.
    Api(ClientError),
    /// One sentence for the caller.
    Say(String),
}

impl From<ClientError> for Trouble {
    fn from(error: ClientError) -> Self {
        Self::Api(error)
    }
}

impl Handled {
    /// The answer at once.
    pub(crate) fn at_once(reply: Reply) -> Self {
        Self { first: First::Reply(reply), then: None }
    }

    /// A deferral that only the caller sees, then the answer.
    pub(crate) fn later<F>(ask: Ask, answer: impl FnOnce(Ask) -> F) -> Self
    where
        F: Future<Output = Result<Reply, Trouble>> + Send + 'static,
    {
        Self::edit(First::Defer { private: true }, ask, answer)
    }

    /// `first`, then the answer.
    pub(crate) fn edit<F>(first: First, ask: Ask, answer: impl FnOnce(Ask) -> F) -> Self
    where
        F: Future<Output = Result<Reply, Trouble>> + Send + 'static,
    {
        let reference = ask.trace.trace_id();
        let answer = answer(ask);
        let then = async move { Then::Edit(answer.await.unwrap_or_else(|trouble| excuse(trouble, &reference))) };
        Self { first, then: Some(Box::pin(then)) }
    }

    /// A deferral that only the caller sees, then the command, once it's known.
    pub(crate) fn publish<F>(ask: Ask, command: impl FnOnce(Ask) -> F) -> Self
    where
        F: Future<Output = Result<CommandEnvelope, Trouble>> + Send + 'static,
    {
        let reference = ask.trace.trace_id();
        let command = command(ask);
        let then = async move {
            match command.await {
                Ok(envelope) => Then::Publish(Box::new(envelope)),
                Err(trouble) => Then::Edit(excuse(trouble, &reference)),
            }
        };
        Self { first: First::Defer { private: true }, then: Some(Box::pin(then)) }
    }
}

/// The answer to a caller whose wish can't be granted.
fn excuse(trouble: Trouble, reference: &str) -> Reply {
    match trouble {
        Trouble::Say(sentence) => Reply::private(text::sorry(&sentence)),
        Trouble::Api(ClientError::Problem { problem, .. }) if problem.status < 500 && problem.status != 429 => {
            Reply::private(text::sorry(&problem.detail))
        }
        Trouble::Api(error) => {
            let passing = error.is_passing();
            tracing::warn!(trace.id = reference, %error, "a member can't be answered because the API gives no answer");
            Reply::private(if passing { text::try_again(reference) } else { text::unforeseen(reference) })
        }
    }
}

/// Somebody asks for something in a guild that is served.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) deps: Deps,
    pub(crate) invocation: Invocation,
    pub(crate) guild: GuildId,
    pub(crate) user: UserId,
    pub(crate) options: Options,
    pub(crate) trace: TraceParent,
}

impl Ask {
    /// The API in the caller's name, as the deed of this interaction.
    pub(crate) fn api(&self) -> Guild {
        let key = format!("discord:{}", self.invocation.id);
        self.deps.api.guild(self.guild).as_user(self.user).with_key(key).traced(&self.trace)
    }

    /// A command of the caller's, accepted when the interaction was made.
    pub(crate) fn command(&self, command: Command) -> CommandEnvelope {
        CommandEnvelope {
            id: self.command_id(),
            guild_id: self.guild,
            actor: ActorRef { user_id: Some(self.user), via: Via::Bot },
            accepted_at: self.invocation.at(),
            traceparent: self.trace.clone(),
            reply: Some(self.invocation.reply_to()),
            command,
        }
    }

    /// The id of the interaction's one deed: Discord's repeat of it has the same.
    pub(crate) fn command_id(&self) -> CommandId {
        command_id(&self.invocation)
    }
}

pub(crate) fn command_id(invocation: &Invocation) -> CommandId {
    CommandId::of_interaction(invocation.id, "command")
}

/// Decides on an interaction.
pub(crate) async fn handle(invocation: Invocation, deps: &Deps) -> Handled {
    let unserved = |sentence: &str| match invocation.what {
        What::Autocomplete { .. } => Handled { first: First::Choices(Vec::new()), then: None },
        _ => Handled::at_once(Reply::private(sentence)),
    };
    let Some(guild) = invocation.guild else { return unserved(text::ONLY_IN_SERVERS) };
    if deps.guild_filter.as_ref().is_some_and(|served| !served.contains(&guild)) {
        return unserved(text::NOT_SERVED);
    }
    let mut ask = Ask {
        deps: deps.clone(),
        guild,
        user: invocation.user,
        options: Options::default(),
        trace: TraceParent::of(command_id(&invocation).uuid()),
        invocation,
    };
    match ask.invocation.what.clone() {
        What::Command { path, options } => {
            ask.options = options;
            commands::run(&path, ask)
        }
        What::Autocomplete { path, options, option, typed } => {
            ask.options = options;
            let choices = crate::autocomplete::choices(&ask, &path, &option, &typed).await;
            Handled { first: First::Choices(choices), then: None }
        }
        What::Button { custom_id } => components::clicked(ask, &custom_id),
        What::Form { custom_id, fields } => components::filled_in(ask, &custom_id, &fields),
    }
}

/// How often a call to the API is made, and the pauses in between: within what a caller waits for, and safe because
/// every write carries the interaction's key.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(1)];

/// Makes a call to the API, again after a failure that may pass.
pub(crate) async fn patiently<T, F, C>(call: C) -> Result<T, ClientError>
where
    C: Fn() -> F + Send,
    F: Future<Output = Result<T, ClientError>> + Send,
    T: Send,
{
    for pause in PAUSES {
        match call().await {
            Err(error) if error.is_passing() => tokio::time::sleep(pause).await,
            result => return result,
        }
    }
    call().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interaction::Token;
    use client::Credential;
    use domain::ids::InteractionId;

    fn deps(served: &[u64]) -> Deps {
        Deps {
            api: Client::new("http://127.0.0.1:1", Credential::BotKey("key".into())).unwrap(),
            lookup: Arc::default(),
            guild_filter: Some(Arc::new(served.iter().map(|id| GuildId::new(*id).unwrap()).collect())),
        }
    }

    fn invocation(guild: Option<u64>, what: What) -> Invocation {
        Invocation {
            id: InteractionId::new(7 << 22).unwrap(),
            application: 5,
            token: Token("secret".into()),
            guild: guild.map(|id| GuildId::new(id).unwrap()),
            user: UserId::new(20).unwrap(),
            locale: "en-GB".into(),
            may_manage_roles: None,
            what,
        }
    }

    #[tokio::test]
    async fn only_served_guilds_get_more_than_a_sentence() {
        let ping = || What::Command { path: "ping".into(), options: Options::default() };
        let typing = || What::Autocomplete {
            path: "submit".into(),
            options: Options::default(),
            option: "item".into(),
            typed: "x".into(),
        };
        let sentence = |text: &str| First::Reply(Reply::private(text));
        for (guild, what, want) in [
            (Some(10), ping(), sentence(text::PONG)),
            (Some(11), ping(), sentence(text::NOT_SERVED)),
            (None, ping(), sentence(text::ONLY_IN_SERVERS)),
            (None, typing(), First::Choices(Vec::new())),
            (Some(10), What::Button { custom_id: "made:up".into() }, sentence(text::UNKNOWN_BUTTON)),
            (
                Some(10),
                What::Command { path: "burn".into(), options: Options::default() },
                sentence(text::UNKNOWN_COMMAND),
            ),
        ] {
            let handled = handle(invocation(guild, what.clone()), &deps(&[10])).await;
            assert_eq!(handled.first, want, "{guild:?} {what:?}");
            assert!(handled.then.is_none());
        }
    }

    #[tokio::test]
    async fn a_repeat_of_an_interaction_is_the_same_command() {
        let submit = || {
            let given = [
                ("item", crate::interaction::Given::Text(uuid::Uuid::nil().to_string())),
                ("quantity", crate::interaction::Given::Integer(3)),
            ];
            let options = Options(given.into_iter().map(|(name, given)| (name.to_owned(), given)).collect());
            invocation(Some(10), What::Command { path: "submit".into(), options })
        };
        let mut commands = Vec::new();
        for _ in 0..2 {
            let handled = handle(submit(), &deps(&[10])).await;
            assert_eq!(handled.first, First::Defer { private: true });
            let Some(Then::Publish(command)) = (match handled.then {
                Some(then) => Some(then.await),
                None => None,
            }) else {
                panic!("a command was expected")
            };
            commands.push(command);
        }
        assert_eq!(commands[0], commands[1]);
        assert_eq!(commands[0].accepted_at, submit().at());
    }
}
