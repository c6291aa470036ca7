//! guildhall-testkit.
