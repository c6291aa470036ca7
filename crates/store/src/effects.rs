//! Owns effects: what must become true in Discord, and where that stands. Written with what causes them; the events
//! that go with them only hint.

use std::collections::{BTreeSet, HashMap};

use domain::{ChannelId, EffectId, GuildId, RoleId, Timestamp, UserId, roles::DesiredRoles};
use messages::{
    command::RefreshEffectsV1,
    effect::{Desired, EffectKind, EffectOrder, EffectReport, EffectResult, EffectState, Notice},
    event::{EffectWantedV1, Event, EventEnvelope},
    trace::TraceParent,
};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{StoreError, Tx, outbox::Outgoing, row};

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

/// Takes note of what became of an effect; returns the event to send when that leaves something to do.
///
/// # Errors
/// See [`StoreError`].
pub async fn report(
    tx: &mut Tx,
    guild: GuildId,
    report: &EffectReport,
    now: Timestamp,
) -> Result<Option<Outgoing>, StoreError> {
    let suffix = tx.for_update();
    let found = build!(tx, opt EffectRow, |q| {
        q.push("SELECT id, guild_id, kind, desired, version, state, traceparent FROM effect WHERE id = ");
        q.push_bind(report.effect_id.uuid()).push(" AND guild_id = ").push_bind(guild.to_i64()).push(suffix);
    })?;
    let Some(found) = found else { return Ok(None) };
    let order = found.order()?;
    let roles = match &order.desired {
        Desired::Roles { user_id, roles } => Some((*user_id, roles)),
        Desired::Message { .. } => None,
    };
    match (&report.result, roles) {
        (EffectResult::Giving { roles: given }, Some((user_id, roles))) => {
            write_roles(tx, report.effect_id, user_id, roles.giving(given)).await?;
            // What is given is no longer wanted: somebody has to take it again.
            if given.is_subset(&roles.roles) { Ok(None) } else { again(tx, report.effect_id, now).await }
        }
        (EffectResult::Giving { .. }, None) => Err(StoreError::corrupt("a message that gives roles")),
        // Whoever worked on an older version may have undone what a newer one did.
        (_, Some(_)) if report.version < order.version && order.state == EffectState::Done => {
            again(tx, report.effect_id, now).await
        }
        _ if report.version < order.version => {
            Ok(if order.state == EffectState::Waiting { Some(found.wanted()?) } else { None })
        }
        (EffectResult::Done { external_id }, roles) => {
            if let Some((user_id, roles)) = roles {
                write_roles(tx, report.effect_id, user_id, roles.agreed()).await?;
            }
            settle(tx, report.effect_id, EffectState::Done, external_id.as_deref(), None, now).await?;
            Ok(None)
        }
        (EffectResult::Parked { reason, detail }, _) => {
            let why = Some((reason.as_str(), detail.as_str()));
            settle(tx, report.effect_id, EffectState::Parked, None, why, now).await?;
            Ok(None)
        }
    }
}

async fn write_roles(tx: &mut Tx, id: EffectId, user_id: UserId, roles: DesiredRoles) -> Result<(), StoreError> {
    let desired = row::to_json(&Desired::Roles { user_id, roles })?;
    let touched = sql!(tx, execute, "UPDATE effect SET desired = $1 WHERE id = $2", desired, id.uuid())?;
    row::touched("writing an effect's roles", touched, 1)
}

async fn settle(
    tx: &mut Tx,
    id: EffectId,
    state: EffectState,
    external_id: Option<&str>,
    why: Option<(&str, &str)>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let touched = sql!(
        tx,
        execute,
        "UPDATE effect SET state = $1, external_id = COALESCE($2, external_id), reason = $3, detail = $4, updated_at = $5
         WHERE id = $6",
        state.as_str(),
        external_id,
        why.map(|(reason, _)| reason),
        why.map(|(_, detail)| detail),
        now,
        id.uuid()
    )?;
    row::touched("settling an effect", touched, 1)
}

/// Sets an effect to be looked at again, as a new version.
async fn again(tx: &mut Tx, id: EffectId, now: Timestamp) -> Result<Option<Outgoing>, StoreError> {
    let again = sql!(
        tx,
        one EffectRow,
        "UPDATE effect SET version = version + 1, state = 'waiting', reason = NULL, detail = NULL, updated_at = $1
         WHERE id = $2 RETURNING id, guild_id, kind, desired, version, state, traceparent",
        now,
        id.uuid()
    )?;
    again.wanted().map(Some)
}

/// Sets effects to be brought into line again; returns the events to send. A role effect that is done is looked at
/// again too; a message that was sent is never sent again.
///
/// # Errors
/// See [`StoreError`].
pub async fn refresh(
    tx: &mut Tx,
    guild: GuildId,
    which: &RefreshEffectsV1,
    now: Timestamp,
) -> Result<Vec<Outgoing>, StoreError> {
    let suffix = tx.for_update();
    let rows = build!(tx, all EffectRow, |q| {
        q.push(
            "UPDATE effect SET version = version + 1, state = 'waiting', reason = NULL, detail = NULL, updated_at = ",
        );
        q.push_bind(now).push(" WHERE id IN (SELECT id FROM effect WHERE guild_id = ").push_bind(guild.to_i64());
        match which {
            RefreshEffectsV1::Member { user_id } => {
                q.push(" AND kind = 'roles' AND target = ").push_bind(user_id.to_string());
            }
            RefreshEffectsV1::Parked => {
                q.push(" AND state = 'parked'");
            }
            RefreshEffectsV1::Effect { effect_id } => {
                q.push(" AND (kind = 'roles' OR state <> 'done') AND id = ").push_bind(effect_id.uuid());
            }
        }
        q.push(" ORDER BY id").push(suffix);
        q.push(") RETURNING id, guild_id, kind, desired, version, state, traceparent");
    })?;
    rows.iter().map(EffectRow::wanted).collect()
}

/// Before when an effect was last looked at, so that it is due to be looked at again.
#[derive(Debug, Clone)]
pub struct Due {
    /// Which sorts are looked at: those whose queue holds no earlier reminders.
    pub kinds: Vec<EffectKind>,
    /// For waiting ones: their event may be lost.
    pub waiting: Timestamp,
    /// For parked ones: the cause may be gone.
    pub parked: Timestamp,
    /// For roles that agreed: somebody may have changed them in Discord, unseen.
    pub agreed: Timestamp,
}

/// Asks for effects that are due to be looked at again; returns the events to send.
///
/// # Errors
/// See [`StoreError`].
pub async fn remind(tx: &mut Tx, due: Due, limit: i64, now: Timestamp) -> Result<Vec<Outgoing>, StoreError> {
    if due.kinds.is_empty() {
        return Ok(Vec::new());
    }
    let suffix = tx.skip_locked();
    let rows = build!(tx, all EffectRow, |q| {
        q.push("UPDATE effect SET updated_at = ").push_bind(now).push(
            ", version = CASE WHEN state = 'waiting' THEN version ELSE version + 1 END, state = 'waiting' \
             WHERE id IN (SELECT id FROM effect WHERE kind IN ",
        );
        push_list!(q, due.kinds.iter().map(|kind| kind.as_str()));
        q.push(" AND ((state = 'waiting' AND updated_at < ");
        q.push_bind(due.waiting).push(") OR (state = 'parked' AND updated_at < ").push_bind(due.parked);
        q.push(") OR (kind = 'roles' AND state = 'done' AND updated_at < ").push_bind(due.agreed);
        q.push(")) ORDER BY id LIMIT ").push_bind(limit).push(suffix);
        q.push(") RETURNING id, guild_id, kind, desired, version, state, traceparent");
    })?;
    rows.iter().map(EffectRow::wanted).collect()
}

/// How many effects wait and how many are parked.
///
/// # Errors
/// See [`StoreError`].
pub async fn unsettled(tx: &mut Tx) -> Result<(i64, i64), StoreError> {
    sql!(
        tx,
        one(i64, i64),
        "SELECT COUNT(*) FILTER (WHERE state = 'waiting'), COUNT(*) FILTER (WHERE state = 'parked') FROM effect
         WHERE state IN ('waiting', 'parked')"
    )
}
