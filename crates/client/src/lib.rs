//! guildhall-client.
