//! The guild of the demo: always the same, ids included.

use super::World;
use super::builder::{MemberSeed, RoleSeed};
use crate::ids::{ChannelId, GuildId, RoleId, UserId};

/// The fixed ids of [`World::demo`].
#[derive(Debug, Clone, Copy)]
pub struct Demo;

impl Demo {
    /// The Lantern Guild.
    pub const GUILD: GuildId = GuildId(1_210_000_000_000_000_000);
    /// #hall, where everybody talks.
    pub const HALL: ChannelId = ChannelId(1_210_000_000_000_000_101);
    /// #officers.
    pub const OFFICERS: ChannelId = ChannelId(1_210_000_000_000_000_102);
    /// #season, where announcements go.
    pub const SEASON: ChannelId = ChannelId(1_210_000_000_000_000_103);
    /// The bot's own role, above the prizes.
    pub const BOT_ROLE: RoleId = RoleId(1_210_000_000_000_000_201);
    /// The highest prize.
    pub const CHAMPION: RoleId = RoleId(1_210_000_000_000_000_202);
    /// The middle prize.
    pub const VETERAN: RoleId = RoleId(1_210_000_000_000_000_203);
    /// The first prize.
    pub const ROOKIE: RoleId = RoleId(1_210_000_000_000_000_204);
    /// The owner.
    pub const ADA: UserId = UserId(1_210_000_000_000_000_301);
    /// A member.
    pub const BRAM: UserId = UserId(1_210_000_000_000_000_302);
    /// A member.
    pub const CLEO: UserId = UserId(1_210_000_000_000_000_303);
    /// A member.
    pub const DARA: UserId = UserId(1_210_000_000_000_000_304);
    /// A member.
    pub const ELI: UserId = UserId(1_210_000_000_000_000_305);
}

impl World {
    /// "The Lantern Guild", with the ids of [`Demo`].
    #[must_use]
    pub fn demo() -> Self {
        let role = |id, name: &str, color| RoleSeed { id: Some(id), name: name.into(), permissions: 0, color };
        let member = |id, name: &str| MemberSeed { id: Some(id), name: name.into(), roles: Vec::new() };
        Self::builder()
            .guild_id(Demo::GUILD)
            .guild("The Lantern Guild")
            .bot_role(Some(Demo::BOT_ROLE), "Guildhall")
            .role_seed(role(Demo::CHAMPION, "Champion", 0x00e6_7e22))
            .role_seed(role(Demo::VETERAN, "Veteran", 0x0034_98db))
            .role_seed(role(Demo::ROOKIE, "Rookie", 0x002e_cc71))
            .channel_with_id(Demo::HALL, "hall")
            .channel_with_id(Demo::OFFICERS, "officers")
            .channel_with_id(Demo::SEASON, "season")
            .member_seed(member(Demo::ADA, "ada"))
            .member_seed(member(Demo::BRAM, "bram"))
            .member_seed(member(Demo::CLEO, "cleo"))
            .member_seed(member(Demo::DARA, "dara"))
            .member_seed(member(Demo::ELI, "eli"))
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_is_owned_by_ada_and_the_bot_stands_above_the_prizes() {
        let mut world = World::demo();
        world.adopt(crate::ids::ApplicationId(7));
        let guild = &world.guilds[&Demo::GUILD];
        assert_eq!(guild.owner, Demo::ADA);
        assert_eq!(guild.members.len(), 6);
        for prize in [Demo::CHAMPION, Demo::VETERAN, Demo::ROOKIE] {
            assert!(guild.is_below(&guild.roles[&prize], world.bot_id()));
        }
        assert!(!guild.is_below(&guild.roles[&Demo::BOT_ROLE], world.bot_id()));
    }
}
