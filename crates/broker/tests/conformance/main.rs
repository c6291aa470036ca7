//! The broker's promises, on both engines, and what each engine does when its world breaks.
//!
//! One program, because its tests of RabbitMQ take turns.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails says where")]

/// Makes two tests of each function: one per engine.
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(crate::support::Stand::embedded().await).await })+
        }
        mod scaled {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(crate::support::Stand::scaled().await).await })+
        }
    };
}

mod delivery;
mod failure;
mod file;
mod proxy;
mod rabbitmq;
mod support;
