//! Owns the comparison of the roles a member should hold with those they hold.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::RoleId;

/// The roles a member should hold by the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DesiredRoles {
    /// What they should hold now.
    pub roles: BTreeSet<RoleId>,
    /// Everything Guildhall ever wanted them to hold. Roles outside this set are never touched.
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
    /// The same member, now to hold `roles`: what was wanted before stays managed.
    #[must_use]
    pub fn now(&self, roles: BTreeSet<RoleId>) -> Self {
        Self { managed: self.managed.union(&roles).copied().collect(), roles }
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
        let desired = DesiredRoles::default().now(set(&[1, 2])).now(set(&[2, 3]));
        let changes = desired.changes(&set(&[1, 2, 9]));
        assert_eq!(changes, RoleChanges { add: vec![RoleId::new(3).unwrap()], remove: vec![RoleId::new(1).unwrap()] });
        assert_eq!(desired.changes(&set(&[2, 3, 9])), RoleChanges::default());
    }
}
