//! Owns connections: the two engines, their pools, transactions and migrations.

use std::{path::Path, time::Duration};

use sqlx::{
    Connection, Postgres, Sqlite, SqliteConnection, Transaction,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPool, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous},
};

use crate::StoreError;

static POSTGRES: Migrator = sqlx::migrate!("../../migrations/postgres");
static SQLITE: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// How long one statement may take on PostgreSQL.
const STATEMENT: Duration = Duration::from_secs(15);
/// How long to wait for a free connection.
const ACQUIRE: Duration = Duration::from_millis(1_200);

/// The store: cheap to clone, one pool (SQLite: a writer of one and readers) behind it.
#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
}

#[derive(Debug, Clone)]
enum Pool {
    Postgres(PgPool),
    Sqlite { write: SqlitePool, read: SqlitePool },
}

/// Which database holds the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A PostgreSQL server.
    Postgres,
    /// An SQLite file.
    Sqlite,
}

/// A transaction. Dropped without [`Tx::commit`], nothing of it happened.
#[derive(Debug)]
pub struct Tx {
    pub(crate) inner: Inner,
}

#[derive(Debug)]
pub(crate) enum Inner {
    Postgres(Transaction<'static, Postgres>),
    Sqlite(Transaction<'static, Sqlite>),
}

impl Store {
    /// A store on the PostgreSQL server at `url`, with at most `connections` of them. Connects when first needed.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] when the URL can't be read.
    pub fn postgres(url: &str, connections: u32) -> Result<Self, StoreError> {
        Self::postgres_within(url, connections, STATEMENT)
    }

    /// The same for work on everything at once, such as migrating and verifying: a statement may take `statement` long.
    ///
    /// # Errors
    /// See [`Store::postgres`].
    pub fn postgres_within(url: &str, connections: u32, statement: Duration) -> Result<Self, StoreError> {
        let options: PgConnectOptions =
            url.parse().map_err(|_| StoreError::Unfit("DATABASE_URL is not a postgres:// URL".into()))?;
        // A process that dies or hangs in a transaction must not hold its locks for ever.
        let options = options
            .options([
                ("idle_in_transaction_session_timeout", "15s".to_owned()),
                ("statement_timeout", format!("{}s", statement.as_secs())),
                ("lock_timeout", "10s".to_owned()),
            ])
            .application_name("guildhall");
        let pool =
            PgPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE).connect_lazy_with(options);
        Ok(Self { pool: Pool::Postgres(pool) })
    }

    /// A store in the SQLite file at `path`, made when absent.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the file can't be opened or made.
    pub async fn sqlite(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // An accepted deed must survive a power cut.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(10))
            .before_acquire(|connection, _| Box::pin(usable(connection)))
            .connect_with(options.clone())
            .await?;
        let read = SqlitePoolOptions::new()
            .max_connections(4)
            .acquire_timeout(ACQUIRE)
            .before_acquire(|connection, _| Box::pin(usable(connection)))
            .connect_lazy_with(options.pragma("query_only", "1"));
        Ok(Self { pool: Pool::Sqlite { write, read } })
    }

    /// Which database this is.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        match self.pool {
            Pool::Postgres(_) => Engine::Postgres,
            Pool::Sqlite { .. } => Engine::Sqlite,
        }
    }

    /// Begins a transaction that may write. On SQLite it is the only one until it ends.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no connection can be had.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let inner = match &self.pool {
            Pool::Postgres(pool) => Inner::Postgres(pool.begin().await?),
            // A deferred transaction that comes to write later fails at once when another one wrote meanwhile.
            Pool::Sqlite { write, .. } => Inner::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
        };
        Ok(Tx { inner })
    }

    /// Begins a transaction that only reads, and sees one moment of the store throughout.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no connection can be had.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        let inner = match &self.pool {
            Pool::Postgres(pool) => {
                Inner::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
            }
            Pool::Sqlite { read, .. } => Inner::Sqlite(read.begin().await?),
        };
        Ok(Tx { inner })
    }

    /// Brings the schema up to this version.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] when a migration fails or the schema was changed by hand.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match &self.pool {
            Pool::Postgres(pool) => migrator(&POSTGRES).run(pool).await,
            Pool::Sqlite { write, .. } => migrator(&SQLITE).run(write).await,
        }
        .map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error) => StoreError::from(error),
            other => StoreError::Unfit(format!("the schema could not be brought up to date: {other}")),
        })
    }

    /// Whether the store answers and its schema is at least this version's. A newer schema is fine: migrations suit
    /// the code still running.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] naming `guildhall migrate` when the schema is older.
    pub async fn check(&self) -> Result<(), StoreError> {
        let wanted = match self.engine() {
            Engine::Postgres => &POSTGRES,
            Engine::Sqlite => &SQLITE,
        }
        .iter()
        .map(|migration| migration.version)
        .max();
        let mut tx = self.read().await?;
        let found: Result<(Option<i64>,), _> =
            sql!(tx, one crate::row::Only<Option<i64>>, "SELECT MAX(version) FROM _sqlx_migrations WHERE success");
        match found {
            Ok((found,)) if found >= wanted => Ok(()),
            Err(error) if !error.is_missing_table() => Err(error),
            _ => {
                Err(StoreError::Unfit("the database schema is older than this program: run `guildhall migrate`".into()))
            }
        }
    }

    /// Closes every connection, waiting for those in use.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Postgres(pool) => pool.close().await,
            Pool::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
        }
    }
}

/// SQLite ends a transaction by itself when the disk is full; sqlx goes on counting it, and could never begin another on
/// that connection.
async fn usable(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    Ok(!connection.is_in_transaction())
}

/// A newer program may have migrated further: that is no error for the older one still running.
fn migrator(embedded: &Migrator) -> Migrator {
    let mut migrator = Migrator { migrations: embedded.migrations.clone(), ..Migrator::DEFAULT };
    migrator.set_ignore_missing(true);
    migrator
}

impl Tx {
    /// Makes everything in it happen.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database went away; whether it happened is then unknown.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self.inner {
            Inner::Postgres(tx) => tx.commit().await?,
            Inner::Sqlite(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// Undoes everything in it, and waits until that is done.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database went away; nothing happened in any case.
    pub async fn rollback(self) -> Result<(), StoreError> {
        match self.inner {
            Inner::Postgres(tx) => tx.rollback().await?,
            Inner::Sqlite(tx) => tx.rollback().await?,
        }
        Ok(())
    }

    /// The end of a `SELECT` that locks what it reads, keys left alone so that others may still refer to the rows.
    /// SQLite's only writer is alone already. (Differs by engine.)
    pub(crate) const fn for_update(&self) -> &'static str {
        match self.inner {
            Inner::Postgres(_) => " FOR NO KEY UPDATE",
            Inner::Sqlite(_) => "",
        }
    }

    /// The end of a `SELECT` that keeps others from changing what it reads. (Differs by engine.)
    pub(crate) const fn for_share(&self) -> &'static str {
        match self.inner {
            Inner::Postgres(_) => " FOR SHARE",
            Inner::Sqlite(_) => "",
        }
    }

    /// The end of a `SELECT` that claims rows, passing over those that others hold. (Differs by engine.)
    pub(crate) const fn skip_locked(&self) -> &'static str {
        match self.inner {
            Inner::Postgres(_) => " FOR NO KEY UPDATE SKIP LOCKED",
            Inner::Sqlite(_) => "",
        }
    }
}
