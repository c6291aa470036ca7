//! guildhall-domain.
