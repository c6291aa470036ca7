//! Owns the comparison of the roles a member should hold with those they hold.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::RoleId;

/// The roles a member should hold by the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DesiredRoles {
    /// What they should hold now.
    pub roles: BTreeSet<RoleId>,
    /// What Guildhall gave them and has not taken yet. Roles outside this set are never taken: somebody else gave them.
    pub managed: BTreeSet<RoleId>,
}

/// What has to change in Discord.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoleChanges {
    /// Roles to give.
    pub add: Vec<RoleId>,
    /// Roles to take.
    pub remove: Vec<RoleId>,
}

impl DesiredRoles {
    /// The same member, now to hold `roles`.
    #[must_use]
    pub fn now(&self, roles: BTreeSet<RoleId>) -> Self {
        Self { managed: self.managed.clone(), roles }
    }

    /// The same, with `roles` about to be given: they're Guildhall's to take from now on.
    #[must_use]
    pub fn giving(&self, roles: &BTreeSet<RoleId>) -> Self {
        Self { roles: self.roles.clone(), managed: self.managed.union(roles).copied().collect() }
    }

    /// The same, once the member holds exactly what they should: what was taken is nobody's business any more.
    #[must_use]
    pub fn agreed(&self) -> Self {
        Self { roles: self.roles.clone(), managed: self.managed.intersection(&self.roles).copied().collect() }
    }

    /// What has to change for a member who holds `held`.
    #[must_use]
    pub fn changes(&self, held: &BTreeSet<RoleId>) -> RoleChanges {
        RoleChanges {
            add: self.roles.difference(held).copied().collect(),
            remove: self.managed.difference(&self.roles).filter(|role| held.contains(role)).copied().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[u64]) -> BTreeSet<RoleId> {
        ids.iter().map(|id| RoleId::new(*id).unwrap()).collect()
    }

    #[test]
    fn only_roles_guildhall_gave_are_taken() {
        let wanted = DesiredRoles::default().now(set(&[1, 2]));
        // The member held 2 before: Guildhall gives 1 alone.
        let gave = wanted.giving(&set(&[1])).now(set(&[3]));
        let changes = gave.changes(&set(&[1, 2, 9]));
        assert_eq!(changes, RoleChanges { add: vec![RoleId::new(3).unwrap()], remove: vec![RoleId::new(1).unwrap()] });
        // Once taken, the role is free to be given by somebody else.
        let agreed = gave.giving(&set(&[3])).agreed();
        assert_eq!(agreed.managed, set(&[3]));
        assert_eq!(agreed.changes(&set(&[1, 2, 3, 9])), RoleChanges::default());
    }
}
