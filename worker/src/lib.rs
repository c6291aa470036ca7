//! guildhall-worker.
