//! guildhall-broker.
