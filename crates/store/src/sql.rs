//! Owns the two macros that run one SQL text on either engine.
//!
//! Rules for the text (both engines must read it): `$n` parameters, no `::` casts, no `GREATEST`, no intervals, no
//! `DISTINCT ON`; `CAST(SUM(x) AS BIGINT)`; the present moment is a parameter.

/// Runs one statement: `sql!(tx, execute, "…", args…)` gives the number of rows touched;
/// `one T`, `opt T` and `all T` give rows as a `FromRow` type (or a tuple).
macro_rules! sql {
    ($tx:expr, execute, $sql:expr $(, $arg:expr)* $(,)?) => {
        match &mut $tx.inner {
            $crate::pool::Inner::Postgres(c) => {
                sqlx::query($sql)$(.bind($arg))*.execute(&mut **c).await.map(|done| done.rows_affected())
            }
            $crate::pool::Inner::Sqlite(c) => {
                sqlx::query($sql)$(.bind($arg))*.execute(&mut **c).await.map(|done| done.rows_affected())
            }
        }
        .map_err($crate::StoreError::from)
    };
    ($tx:expr, one $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => { sql!(@rows $tx, fetch_one, $row, $sql $(, $arg)*) };
    ($tx:expr, opt $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        sql!(@rows $tx, fetch_optional, $row, $sql $(, $arg)*)
    };
    ($tx:expr, all $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => { sql!(@rows $tx, fetch_all, $row, $sql $(, $arg)*) };
    (@rows $tx:expr, $fetch:ident, $row:ty, $sql:expr $(, $arg:expr)*) => {
        match &mut $tx.inner {
            $crate::pool::Inner::Postgres(c) => {
                sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.$fetch(&mut **c).await
            }
            $crate::pool::Inner::Sqlite(c) => {
                sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.$fetch(&mut **c).await
            }
        }
        .map_err($crate::StoreError::from)
    };
}

/// Builds a statement whose length depends on its data, then runs it:
/// `build!(tx, execute, |q| { q.push("…").push_bind(x); })`, or with `one T`, `opt T`, `all T`.
/// Such statements are not kept prepared, as their texts vary.
macro_rules! build {
    ($tx:expr, execute, |$q:ident| $body:block) => {
        match &mut $tx.inner {
            $crate::pool::Inner::Postgres(c) => {
                let mut $q = sqlx::QueryBuilder::<sqlx::Postgres>::new("");
                $body
                $q.build().persistent(false).execute(&mut **c).await.map(|done| done.rows_affected())
            }
            $crate::pool::Inner::Sqlite(c) => {
                let mut $q = sqlx::QueryBuilder::<sqlx::Sqlite>::new("");
                $body
                $q.build().persistent(false).execute(&mut **c).await.map(|done| done.rows_affected())
            }
        }
        .map_err($crate::StoreError::from)
    };
    ($tx:expr, one $row:ty, |$q:ident| $body:block) => { build!(@rows $tx, fetch_one, $row, |$q| $body) };
    ($tx:expr, opt $row:ty, |$q:ident| $body:block) => { build!(@rows $tx, fetch_optional, $row, |$q| $body) };
    ($tx:expr, all $row:ty, |$q:ident| $body:block) => { build!(@rows $tx, fetch_all, $row, |$q| $body) };
    (@rows $tx:expr, $fetch:ident, $row:ty, |$q:ident| $body:block) => {
        match &mut $tx.inner {
            $crate::pool::Inner::Postgres(c) => {
                let mut $q = sqlx::QueryBuilder::<sqlx::Postgres>::new("");
                $body
                $q.build_query_as::<$row>().persistent(false).$fetch(&mut **c).await
            }
            $crate::pool::Inner::Sqlite(c) => {
                let mut $q = sqlx::QueryBuilder::<sqlx::Sqlite>::new("");
                $body
                $q.build_query_as::<$row>().persistent(false).$fetch(&mut **c).await
            }
        }
        .map_err($crate::StoreError::from)
    };
}

/// Pushes `(a, b, c)`: a list of bound values in parentheses, for `IN`.
macro_rules! push_list {
    ($q:ident, $values:expr) => {{
        $q.push("(");
        let mut list = $q.separated(", ");
        for value in $values {
            list.push_bind(value);
        }
        $q.push(")");
    }};
}
