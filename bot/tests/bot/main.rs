//! The bot against a simulated Discord, a stub of the API and the real embedded broker; the test plays the worker.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod api;
mod commands;
mod effects;
mod gateway;
mod logs;
mod stage;
