//! Owns effects: what must become true in Discord, and where that stands. Written with what causes them; the events
//! that go with them only hint.

mod report;
mod upkeep;

use std::collections::{BTreeSet, HashMap};

use domain::{ChannelId, EffectId, GuildId, RoleId, Timestamp, UserId, roles::DesiredRoles};
use messages::{
    effect::{Desired, EffectKind, EffectOrder, Notice},
    event::{EffectWantedV1, Event, EventEnvelope},
    trace::TraceParent,
};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{StoreError, Tx, outbox::Outgoing, row};

pub use report::report;
pub use upkeep::{Due, expire, refresh, remind, unsettled};

/// A member's roles as they should be from now on.
#[derive(Debug, Clone)]
pub struct RolesWanted {
    /// The guild.
    pub guild: GuildId,
    /// The member's account.
    pub user: UserId,
    /// The roles.
    pub roles: BTreeSet<RoleId>,
    /// The deed it follows from.
    pub trace: TraceParent,
}

/// A notice to be shown.
#[derive(Debug, Clone)]
pub struct NoticeWanted {
    /// The guild.
    pub guild: GuildId,
    /// What makes it one notice: the same cause again is the same notice.
    pub cause: String,
    /// Where.
    pub channel: ChannelId,
    /// What.
    pub notice: Notice,
    /// The deed it follows from.
    pub trace: TraceParent,
}

#[derive(FromRow)]
struct EffectRow {
    id: Uuid,
    guild_id: i64,
    kind: String,
    desired: String,
    version: i64,
    state: String,
    traceparent: String,
}

impl EffectRow {
    fn order(&self) -> Result<EffectOrder, StoreError> {
        Ok(EffectOrder {
            id: EffectId::new(self.id),
            guild_id: GuildId::from_i64(self.guild_id).map_err(StoreError::corrupt)?,
            version: self.version,
            state: row::word(&self.state)?,
            desired: row::json(&self.desired)?,
        })
    }

    fn wanted(&self) -> Result<Outgoing, StoreError> {
        let guild = GuildId::from_i64(self.guild_id).map_err(StoreError::corrupt)?;
        let trace = self.traceparent.parse().map_err(StoreError::corrupt)?;
        wanted(guild, EffectId::new(self.id), row::word(&self.kind)?, self.version, trace)
    }
}

fn wanted(
    guild: GuildId,
    id: EffectId,
    kind: EffectKind,
    version: i64,
    trace: TraceParent,
) -> Result<Outgoing, StoreError> {
    let event = Event::EffectWanted(EffectWantedV1 { effect_id: id, kind, version });
    Outgoing::event(&EventEnvelope { guild_id: guild, traceparent: trace, event })
}

fn effect_id(guild: GuildId, kind: EffectKind, target: &str) -> EffectId {
    EffectId::derived(Uuid::NAMESPACE_OID, &format!("{guild}:{}:{target}", kind.as_str()))
}

/// Wants these members' roles; returns the events to send. Roles that Guildhall wanted before stay managed.
/// Callers hold the members' standings, so that nobody else changes the same effects meanwhile.
///
/// # Errors
/// See [`StoreError`].
pub async fn want_roles(tx: &mut Tx, members: &[RolesWanted], now: Timestamp) -> Result<Vec<Outgoing>, StoreError> {
    let mut wanting: Vec<(EffectId, &RolesWanted)> = members
        .iter()
        .map(|member| (effect_id(member.guild, EffectKind::Roles, &member.user.to_string()), member))
        .collect();
    wanting.sort_by_key(|(id, _)| *id);
    let before = lock(tx, &wanting.iter().map(|(id, _)| *id).collect::<Vec<_>>()).await?;
    let mut events = Vec::new();
    let mut rows = Vec::new();
    for (id, member) in wanting {
        let (had, version) = match before.get(&id) {
            Some(order) => match &order.desired {
                Desired::Roles { roles, .. } => (roles.clone(), order.version),
                Desired::Message { .. } => return Err(StoreError::corrupt("a role effect that holds a message")),
            },
            None => (DesiredRoles::default(), 0),
        };
        if had.roles == member.roles {
            continue;
        }
        let desired = Desired::Roles { user_id: member.user, roles: had.now(member.roles.clone()) };
        events.push(wanted(member.guild, id, EffectKind::Roles, version + 1, member.trace.clone())?);
        rows.push((id, member, row::to_json(&desired)?, version + 1));
    }
    if rows.is_empty() {
        return Ok(events);
    }
    build!(tx, execute, |q| {
        q.push(
            "INSERT INTO effect (id, guild_id, kind, target, desired, version, state, traceparent, created_at, updated_at) ",
        );
        q.push_values(&rows, |mut row, (id, member, desired, version)| {
            row.push_bind(id.uuid()).push_bind(member.guild.to_i64()).push("'roles'");
            row.push_bind(member.user.to_string()).push_bind(desired.as_str()).push_bind(*version);
            row.push("'waiting'").push_bind(member.trace.to_string()).push_bind(now).push_bind(now);
        });
        q.push(
            " ON CONFLICT (id) DO UPDATE SET desired = excluded.desired, version = excluded.version, state = 'waiting', \
             reason = NULL, detail = NULL, traceparent = excluded.traceparent, updated_at = excluded.updated_at",
        );
    })?;
    Ok(events)
}

/// Wants these notices; returns the events to send. A notice wanted before is left as it is.
///
/// # Errors
/// See [`StoreError`].
pub async fn want_notices(tx: &mut Tx, notices: &[NoticeWanted], now: Timestamp) -> Result<Vec<Outgoing>, StoreError> {
    if notices.is_empty() {
        return Ok(Vec::new());
    }
    let rows = notices
        .iter()
        .map(|notice| {
            let desired = Desired::Message { channel_id: notice.channel, notice: notice.notice.clone() };
            Ok((effect_id(notice.guild, EffectKind::Message, &notice.cause), notice, row::to_json(&desired)?))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    let fresh: Vec<(Uuid,)> = build!(tx, all row::Only<Uuid>, |q| {
        q.push(
            "INSERT INTO effect (id, guild_id, kind, target, desired, version, state, traceparent, created_at, updated_at) ",
        );
        q.push_values(&rows, |mut row, (id, notice, desired)| {
            row.push_bind(id.uuid()).push_bind(notice.guild.to_i64()).push("'message'");
            row.push_bind(notice.cause.as_str()).push_bind(desired.as_str()).push("1");
            row.push("'waiting'").push_bind(notice.trace.to_string()).push_bind(now).push_bind(now);
        });
        q.push(" ON CONFLICT (id) DO NOTHING RETURNING id");
    })?;
    rows.iter()
        .filter(|(id, ..)| fresh.iter().any(|(fresh,)| *fresh == id.uuid()))
        .map(|(id, notice, _)| wanted(notice.guild, *id, EffectKind::Message, 1, notice.trace.clone()))
        .collect()
}

async fn lock(tx: &mut Tx, ids: &[EffectId]) -> Result<HashMap<EffectId, EffectOrder>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let suffix = tx.for_update();
    let rows = build!(tx, all EffectRow, |q| {
        q.push("SELECT id, guild_id, kind, desired, version, state, traceparent FROM effect WHERE id IN ");
        push_list!(q, ids.iter().map(|id| id.uuid()));
        q.push(" ORDER BY id").push(suffix);
    })?;
    rows.into_iter().map(|row| row.order().map(|order| (order.id, order))).collect()
}

/// The effect of that id.
///
/// # Errors
/// See [`StoreError`].
pub async fn find(tx: &mut Tx, guild: GuildId, id: EffectId) -> Result<Option<EffectOrder>, StoreError> {
    sql!(
        tx,
        opt EffectRow,
        "SELECT id, guild_id, kind, desired, version, state, traceparent FROM effect WHERE id = $1 AND guild_id = $2",
        id.uuid(),
        guild.to_i64()
    )?
    .map(|row| row.order())
    .transpose()
}
