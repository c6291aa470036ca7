//! Owns what the store's tests share: each test runs on both engines, each time in a fresh store.

#![allow(dead_code, reason = "every test binary uses its own part of this")]

pub mod people;

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use guildhall_store::Store;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// Runs a test on an SQLite file of its own.
pub async fn embedded<F: Future<Output = ()>>(test: impl FnOnce(Store) -> F) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::sqlite(&dir.path().join("store.db")).await.unwrap();
    store.migrate().await.unwrap();
    test(store).await;
}

/// Runs a test in a PostgreSQL database of its own, which is dropped afterwards, also when the test fails.
pub async fn scaled<F: Future<Output = ()>>(test: impl FnOnce(Store) -> F) {
    let url = std::env::var("TEST_DATABASE_URL").expect("TEST_DATABASE_URL: run this under scripts/services");
    let name = format!("guildhall_store_{}", uuid::Uuid::now_v7().simple());
    let mut server = PgConnection::connect(&url).await.unwrap();
    server.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    let (base, query) = url.split_once('?').map_or((url.as_str(), String::new()), |(b, q)| (b, format!("?{q}")));
    let store = Store::postgres(&format!("{}/{name}{query}", base.rsplit_once('/').unwrap().0), 8).unwrap();
    store.migrate().await.unwrap();
    let result = AssertUnwindSafe(test(store.clone())).catch_unwind().await;
    store.close().await;
    server.execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await.unwrap();
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

/// Turns each `async fn name(store: Store)` into a test on SQLite (`embedded`) and one on PostgreSQL (`scaled`).
#[macro_export]
macro_rules! both_engines {
    ($($(#[$meta:meta])* async fn $name:ident($store:ident: Store) $body:block)+) => {
        $($(#[$meta])* async fn $name($store: guildhall_store::Store) $body)+

        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $crate::common::embedded(super::$name).await;
            })+
        }

        mod scaled {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $crate::common::scaled(super::$name).await;
            })+
        }
    };
}
