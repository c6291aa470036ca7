//! Owns what must hold at the end of every test, whatever it was about.

use anyhow::{Context, Result, ensure};

use crate::GuildTest;

impl GuildTest {
    /// Nothing is unsettled, nobody panicked, Discord was used as documented, and the ledger agrees with everything.
    pub(crate) async fn judge(&self) -> Result<()> {
        self.settle().await?;
        let violations = self.discord().violations().await?;
        ensure!(violations.is_empty(), "Discord was used against its documentation: {violations:#?}");
        let panics = self.stack().logs().panics();
        ensure!(panics.is_empty(), "a part panicked: {panics:#?}");
        self.verify().await
    }

    /// `guildhall verify` finds no difference.
    ///
    /// # Errors
    /// With the differences.
    pub async fn verify(&self) -> Result<()> {
        let out = self.stack().guildhall(&["verify"]).await?.ok().context("guildhall verify")?;
        ensure!(out.contains("everything agrees with the ledger"), "guildhall verify said {out:?}");
        Ok(())
    }
}
