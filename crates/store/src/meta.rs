//! Owns what the store knows about itself: whether it holds a demo or a real guild.

use crate::{StoreError, Tx};

/// What a store was made for. A demo's store refuses a real guild and the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The simulated guild.
    Demo,
    /// A real one.
    Real,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Real => "real",
        }
    }
}

/// Marks a fresh store as `kind`; returns whether it was fresh.
///
/// # Errors
/// [`StoreError::Unfit`] when it was made for the other kind.
pub async fn claim_kind(tx: &mut Tx, kind: Kind) -> Result<bool, StoreError> {
    let fresh = sql!(
        tx,
        execute,
        "INSERT INTO meta (key, value) VALUES ('kind', $1) ON CONFLICT (key) DO NOTHING",
        kind.as_str()
    )? == 1;
    let (found,): (String,) = sql!(tx, one crate::row::Only<String>, "SELECT value FROM meta WHERE key = 'kind'")?;
    if found == kind.as_str() {
        return Ok(fresh);
    }
    Err(StoreError::Unfit(format!(
        "this store holds a {found} guild, but the program was started for a {} one; \
         choose another data folder (GUILDHALL_DATA) or database (DATABASE_URL)",
        kind.as_str()
    )))
}
