//! guildhall-store.
