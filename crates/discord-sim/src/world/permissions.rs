//! Permission bits and who stands above whom.

use super::{Guild, Member, Role};
use crate::ids::UserId;

/// Every permission; short-circuits the others.
pub const ADMINISTRATOR: u64 = 1 << 3;
/// Edit the guild.
pub const MANAGE_GUILD: u64 = 1 << 5;
/// See a channel.
pub const VIEW_CHANNEL: u64 = 1 << 10;
/// Write in a channel.
pub const SEND_MESSAGES: u64 = 1 << 11;
/// Delete the messages of others.
pub const MANAGE_MESSAGES: u64 = 1 << 13;
/// Read a channel's past.
pub const READ_MESSAGE_HISTORY: u64 = 1 << 16;
/// Ping everyone.
pub const MENTION_EVERYONE: u64 = 1 << 17;
/// Create roles below one's own, and give or take them.
pub const MANAGE_ROLES: u64 = 1 << 28;
/// Use slash commands.
pub const USE_APPLICATION_COMMANDS: u64 = 1 << 31;
/// All bits that are documented today.
pub const ALL: u64 = (1 << 53) - 1;
/// What @everyone has in a fresh guild.
pub const EVERYONE: u64 =
    VIEW_CHANNEL | SEND_MESSAGES | READ_MESSAGE_HISTORY | USE_APPLICATION_COMMANDS | (1 << 6) | (1 << 14) | (1 << 15);

impl Guild {
    /// The guild-wide permissions of a member, channel settings aside.
    #[must_use]
    pub fn permissions(&self, member: &Member) -> u64 {
        if member.user == self.owner {
            return ALL;
        }
        let bits = self
            .roles
            .values()
            .filter(|role| role.id.0 == self.id.0 || member.roles.contains(&role.id))
            .fold(0, |bits, role| bits | role.permissions);
        if bits & ADMINISTRATOR != 0 { ALL } else { bits }
    }

    /// A member's highest role (@everyone, if no other).
    #[must_use]
    pub fn highest_role(&self, member: &Member) -> Option<&Role> {
        self.roles
            .values()
            .filter(|role| role.id.0 == self.id.0 || member.roles.contains(&role.id))
            .max_by_key(|role| role.rank())
    }

    /// Whether `role` is strictly below the highest role of `user`. The owner is above everything.
    #[must_use]
    pub fn is_below(&self, role: &Role, user: UserId) -> bool {
        let Some(member) = self.members.get(&user) else { return false };
        user == self.owner || self.highest_role(member).is_some_and(|top| role.rank() < top.rank())
    }
}

impl Role {
    /// Sorts roles as Discord does: by position, and of two in the same position the older one is higher.
    fn rank(&self) -> (i64, std::cmp::Reverse<u64>) {
        (self.position, std::cmp::Reverse(self.id.0))
    }
}
