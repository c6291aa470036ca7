//! guildhall-messages.
