//! Owns events: what was done, for the bot to bring to Discord.
//!
//! Events only hint. The truth is in the store; a lost or repeated event changes nothing in the end.

use domain::{CommandId, EffectId, GuildId};
use serde::{Deserialize, Serialize};

use crate::{
    command::ReplyTo,
    effect::EffectKind,
    outcome::Outcome,
    topology::{Exchange, Route},
    trace::TraceParent,
};

/// An event with its context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventEnvelope {
    /// The guild it is about.
    pub guild_id: GuildId,
    /// The trace it belongs to.
    pub traceparent: TraceParent,
    /// What happened: `type` and `payload`.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum Event {
    /// A command that an interaction waits for has its outcome.
    #[serde(rename = "command.outcome.v1")]
    Outcome(OutcomeV1),
    /// An effect wants to be made true.
    #[serde(rename = "effect.wanted.v1")]
    EffectWanted(EffectWantedV1),
}

/// A command's outcome, for the interaction that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeV1 {
    /// The command.
    pub command_id: CommandId,
    /// Who waits.
    pub reply: ReplyTo,
    /// What came of it.
    pub outcome: Outcome,
}

/// An effect wants to be made true: read it, act, report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectWantedV1 {
    /// Which.
    pub effect_id: EffectId,
    /// Its sort.
    pub kind: EffectKind,
    /// The version desired when the event was made.
    pub version: i64,
}

impl Event {
    /// The type with its version, as it travels.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Outcome(_) => "command.outcome.v1",
            Self::EffectWanted(_) => "effect.wanted.v1",
        }
    }
}

impl EventEnvelope {
    /// Where it is published.
    #[must_use]
    pub fn route(&self) -> Route {
        let topic = match &self.event {
            Event::Outcome(_) => "reply",
            Event::EffectWanted(EffectWantedV1 { kind: EffectKind::Roles, .. }) => "effect.roles",
            Event::EffectWanted(EffectWantedV1 { kind: EffectKind::Message, .. }) => "effect.message",
        };
        Route { exchange: Exchange::Events, key: format!("{topic}.{}", self.guild_id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Queue;

    #[test]
    fn every_event_and_command_reaches_its_queue() {
        for (exchange, key, want) in [
            (Exchange::Events, "effect.roles.1", Some(Queue::BotRoles)),
            (Exchange::Events, "effect.message.1", Some(Queue::BotMessages)),
            (Exchange::Events, "reply.1", Some(Queue::BotReplies)),
            (Exchange::Events, "effect.rolesx.1", None),
            (Exchange::Commands, "scoring.1", Some(Queue::Scoring)),
            (Exchange::Commands, "reply.1", None),
        ] {
            assert_eq!(Route { exchange, key: key.into() }.queue(), want, "{key}");
        }
    }
}
