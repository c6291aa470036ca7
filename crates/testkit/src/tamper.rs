//! Owns changing a store behind the program's back.

use std::path::Path;

use anyhow::Result;
use sqlx::{Connection, PgConnection, SqliteConnection};

pub(crate) async fn sqlite(file: &Path, sql: &'static str) -> Result<u64> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).foreign_keys(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let touched = sqlx::query(sql).execute(&mut connection).await?.rows_affected();
    connection.close().await?;
    Ok(touched)
}

pub(crate) async fn postgres(url: &str, sql: &'static str) -> Result<u64> {
    let mut connection = PgConnection::connect(url).await?;
    let touched = sqlx::query(sql).execute(&mut connection).await?.rows_affected();
    connection.close().await?;
    Ok(touched)
}
