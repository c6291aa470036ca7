//! Owns rights: who may do what to whom. Asked inside the transaction that does the deed; front ends ask only to
//! answer early.

use serde::{Deserialize, Serialize};

use crate::{Rejection, UserId, member::Member, member::MemberStatus};

/// What a personal token was given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Look at things.
    Read,
    /// Join seasons and hand things in.
    Submit,
    /// An officer's work.
    Manage,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Read, Self::Submit, Self::Manage];
}

/// Somebody who wants to do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Their Discord account.
    pub user: UserId,
    /// Whether configuration names them as the root admin.
    pub root: bool,
    /// Their membership of this guild: status and officer flag.
    pub member: Option<(MemberStatus, bool)>,
    /// What their credential allows.
    pub scopes: Vec<Scope>,
}

impl Actor {
    /// Somebody who came through the bot, so that no token limits them.
    #[must_use]
    pub fn through_bot(user: UserId, root_admin: Option<UserId>, member: Option<&Member>) -> Self {
        Self {
            user,
            root: root_admin == Some(user),
            member: member.map(|member| (member.status, member.admin)),
            scopes: Scope::ALL.to_vec(),
        }
    }

    /// Whether they may do an officer's work: the root admin always, else verified members with the officer flag.
    #[must_use]
    pub fn is_officer(&self) -> bool {
        self.root || self.member == Some((MemberStatus::Verified, true))
    }
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// Look at seasons, items, ranks, standings.
    Read,
    /// Look at one member's submissions, entries and roles.
    ReadMember(UserId),
    /// Take part in a season in a member's name.
    Join(UserId),
    /// Hand something in in a member's name.
    Submit(UserId),
    /// Decide on a submission of that member's.
    Review(UserId),
    /// Make, list or revoke a member's tokens.
    Tokens(UserId),
    /// Verify, ban and appoint members.
    ManageMembers,
    /// Change seasons, items, ranks, prizes.
    ManageSeasons,
    /// Correct and void submissions.
    ManageSubmissions,
    /// Change the guild's settings, see and retry what is stuck.
    ManageGuild,
}

impl Act {
    const fn scope(self) -> Scope {
        match self {
            Self::Read | Self::ReadMember(_) => Scope::Read,
            Self::Join(_) | Self::Submit(_) => Scope::Submit,
            Self::Review(_)
            | Self::Tokens(_)
            | Self::ManageMembers
            | Self::ManageSeasons
            | Self::ManageSubmissions
            | Self::ManageGuild => Scope::Manage,
        }
    }
}

/// Decides whether `actor` may do `act`.
///
/// # Errors
/// The reason why not.
pub fn permit(actor: &Actor, act: Act) -> Result<(), Rejection> {
    // Minting tokens with a token would make a short life endless, so that tokens never carry that right:
    // members without the `manage` scope manage their own tokens through the bot.
    if !actor.scopes.contains(&act.scope()) {
        return Err(Rejection::MissingScope);
    }
    match act {
        Act::Read => officer(actor).or_else(|_| verified(actor)),
        Act::Join(user) | Act::Submit(user) | Act::Tokens(user) if user == actor.user => verified(actor),
        Act::ReadMember(user) if user == actor.user => officer(actor).or_else(|_| verified(actor)),
        Act::Review(user) if user == actor.user && !actor.root => officer(actor).and(Err(Rejection::OwnSubmission)),
        Act::ReadMember(_)
        | Act::Join(_)
        | Act::Submit(_)
        | Act::Tokens(_)
        | Act::Review(_)
        | Act::ManageMembers
        | Act::ManageSeasons
        | Act::ManageSubmissions
        | Act::ManageGuild => officer(actor),
    }
}

fn verified(actor: &Actor) -> Result<(), Rejection> {
    match actor.member {
        None => Err(Rejection::NotRegistered),
        Some((MemberStatus::Pending, _)) => Err(Rejection::NotVerified),
        Some((MemberStatus::Banned, _)) => Err(Rejection::Banned),
        Some((MemberStatus::Verified, _)) => Ok(()),
    }
}

fn officer(actor: &Actor) -> Result<(), Rejection> {
    if actor.is_officer() {
        return Ok(());
    }
    verified(actor)?;
    Err(Rejection::NotOfficer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Rejection::{Banned, MissingScope, NotOfficer, NotRegistered, NotVerified, OwnSubmission};

    #[test]
    fn the_matrix() {
        let me = UserId::new(1).unwrap();
        let other = UserId::new(2).unwrap();
        let actor = |root, member| Actor { user: me, root, member, scopes: Scope::ALL.to_vec() };
        let actors = [
            actor(false, None),
            actor(false, Some((MemberStatus::Pending, true))),
            actor(false, Some((MemberStatus::Banned, true))),
            actor(false, Some((MemberStatus::Verified, false))),
            actor(false, Some((MemberStatus::Verified, true))),
            actor(true, None),
        ];
        // Columns: stranger, pending, banned, verified, officer, root admin who has not registered.
        let member_only = [Err(NotRegistered), Err(NotVerified), Err(Banned), Ok(()), Ok(()), Err(NotRegistered)];
        let reading = [Err(NotRegistered), Err(NotVerified), Err(Banned), Ok(()), Ok(()), Ok(())];
        let officers = [Err(NotRegistered), Err(NotVerified), Err(Banned), Err(NotOfficer), Ok(()), Ok(())];
        let own_review = [officers[0], officers[1], officers[2], officers[3], Err(OwnSubmission), Ok(())];
        for (act, want) in [
            (Act::Read, reading),
            (Act::ReadMember(me), reading),
            (Act::ReadMember(other), officers),
            (Act::Join(me), member_only),
            (Act::Join(other), officers),
            (Act::Submit(me), member_only),
            (Act::Submit(other), officers),
            (Act::Review(me), own_review),
            (Act::Review(other), officers),
            (Act::Tokens(me), member_only),
            (Act::Tokens(other), officers),
            (Act::ManageMembers, officers),
            (Act::ManageSeasons, officers),
            (Act::ManageSubmissions, officers),
            (Act::ManageGuild, officers),
        ] {
            assert_eq!(actors.each_ref().map(|actor| permit(actor, act)), want, "{act:?}");
        }
    }

    #[test]
    fn a_token_does_no_more_than_its_scopes() {
        let me = UserId::new(1).unwrap();
        let with = |scopes: &[Scope]| Actor {
            user: me,
            root: false,
            member: Some((MemberStatus::Verified, true)),
            scopes: scopes.to_vec(),
        };
        for (scopes, act, want) in [
            (vec![Scope::Read], Act::Read, Ok(())),
            (vec![Scope::Read], Act::Submit(me), Err(MissingScope)),
            (vec![Scope::Submit], Act::Submit(me), Ok(())),
            (vec![Scope::Read, Scope::Submit], Act::ManageSeasons, Err(MissingScope)),
            (vec![Scope::Read, Scope::Submit], Act::Tokens(me), Err(MissingScope)),
            (vec![Scope::Manage], Act::ManageSeasons, Ok(())),
        ] {
            assert_eq!(permit(&with(&scopes), act), want, "{scopes:?} {act:?}");
        }
    }
}
