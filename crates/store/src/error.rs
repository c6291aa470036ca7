//! Owns what can go wrong with the store, sorted by what the caller can do about it.

/// The store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database can't be reached, is full, or is shutting down: nothing is known to have happened; wait and repeat.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// Somebody else's transaction was in the way: repeat at once.
    #[error("the transaction lost against another one")]
    Conflict(#[source] sqlx::Error),
    /// A unique constraint was broken. The name is PostgreSQL's default one: table, columns, `key`.
    #[error("already there: {0}")]
    Duplicate(String),
    /// A stored value is not what this version can read.
    #[error("a stored value can't be read: {0}")]
    Corrupt(String),
    /// A write touched another number of rows than it had to.
    #[error("{what} touched {got} rows instead of {want}")]
    RowCount {
        /// The write.
        what: &'static str,
        /// How many rows it touched.
        got: u64,
        /// How many it had to.
        want: u64,
    },
    /// The store's schema, kind or lock does not fit.
    #[error("{0}")]
    Unfit(String),
    /// Anything else: a bug or a broken database.
    #[error("the database refused a statement")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether repeating the same work later can succeed.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Conflict(_))
    }

    /// Whether the unique constraint of that name was broken.
    #[must_use]
    pub fn is_duplicate(&self, constraint: &str) -> bool {
        matches!(self, Self::Duplicate(name) if name == constraint)
    }

    /// Whether the statement names a table that isn't there.
    pub(crate) fn is_missing_table(&self) -> bool {
        let (Self::Unavailable(error) | Self::Database(error)) = self else { return false };
        error.as_database_error().is_some_and(|error| {
            error.code().as_deref() == Some("42P01") || error.message().starts_with("no such table")
        })
    }

    pub(crate) fn corrupt(error: impl std::fmt::Display) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => {
                if database.is_unique_violation() {
                    let name = database.constraint().map(str::to_owned);
                    return Self::Duplicate(name.unwrap_or_else(|| sqlite_constraint(database.message())));
                }
                match database.code().as_deref() {
                    // PostgreSQL: serialization failure, deadlock. SQLite: busy, locked and their extended codes.
                    Some("40001" | "40P01" | "5" | "6" | "261" | "262" | "517" | "773") => Self::Conflict(error),
                    // PostgreSQL: classes 08 (connection), 28 (authorization), 53 (resources, disk full), 57 (operator
                    // intervention); 25006 is read-only after a failover, 55P03 and 25P03 are time-outs, 3D000, 42P01,
                    // 42703 and 42501 a database, table, column or right that isn't there (yet): somebody has to
                    // create, migrate or grant, and no message is to blame.
                    Some(code)
                        if code.len() == 5
                            && (matches!(code.get(..2), Some("08" | "28" | "53" | "57"))
                                || matches!(
                                    code,
                                    "25006" | "55P03" | "25P03" | "3D000" | "42P01" | "42703" | "42501"
                                )) =>
                    {
                        Self::Unavailable(error)
                    }
                    // SQLite, extended codes included: out of memory, read-only, I/O error, disk full, can't open.
                    Some(code)
                        if code.len() < 5
                            && code.parse::<u32>().is_ok_and(|n| matches!(n & 0xff, 7 | 8 | 10 | 13 | 14)) =>
                    {
                        Self::Unavailable(error)
                    }
                    _ => Self::Database(error),
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::InvalidSavePointStatement
            | sqlx::Error::BeginFailed => Self::Unavailable(error),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Corrupt(error.to_string()),
            _ => Self::Database(error),
        }
    }
}

/// SQLite names the columns ("UNIQUE constraint failed: member.guild_id, member.name_key"), PostgreSQL the constraint
/// ("member_guild_id_name_key_key"). This makes the latter out of the former.
fn sqlite_constraint(message: &str) -> String {
    let columns = message.rsplit(": ").next().unwrap_or_default();
    let mut parts = columns.split(", ").filter_map(|column| column.split_once('.'));
    let Some((table, first)) = parts.next() else { return message.to_owned() };
    let mut name = format!("{table}_{first}");
    for (_, column) in parts {
        name.push('_');
        name.push_str(column);
    }
    name + "_key"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_name_a_constraint_alike() {
        for (message, want) in [
            ("UNIQUE constraint failed: member.guild_id, member.name_key", "member_guild_id_name_key_key"),
            ("UNIQUE constraint failed: entry.command_id", "entry_command_id_key"),
        ] {
            assert_eq!(sqlite_constraint(message), want);
        }
    }
}
