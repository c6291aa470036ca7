//! guildhall-api.
