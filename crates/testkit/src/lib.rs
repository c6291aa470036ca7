//! The shared test vocabulary, and what the end-to-end tests stand on: the real program in processes of its own, real
//! storage, a real broker; only Discord is simulated, in the test's own process.
//!
//! A [`Stack`] is started once per test binary and kind; every test gets a guild of its own in it, as a [`GuildTest`],
//! so that tests run in parallel. [`guild_tests!`] makes of one `async fn(GuildTest) -> anyhow::Result<()>` a test on
//! either stack. Verbs are the user's; faults are settings; whatever is waited for has a deadline and a name.
//!
//! Nothing outlives the test process: see [`process`].

mod command_line;
pub mod discord;
mod guild;
mod http;
mod judge;
mod logs;
mod member;
pub mod process;
mod proxy;
mod recipe;
mod run;
mod services;
mod stack;
mod tamper;
mod time;

pub use command_line::Ran;
pub use guild::{GuildTest, expect_code};
pub use http::{Answer, Request};
pub use logs::Logs;
pub use member::{Member, final_answer};
pub use proxy::Proxy;
pub use recipe::free_address;
pub use run::{Failed, run};
pub use stack::{Kind, Own, Stack};
pub use time::{PATIENCE, now, until, until_within};

/// Makes of each `async fn(GuildTest) -> anyhow::Result<()>` a test on the embedded stack and one on the scaled stack.
#[macro_export]
macro_rules! guild_tests {
    ($($name:ident),+ $(,)?) => {
        mod embedded {
            $(#[test]
            fn $name() -> ::std::result::Result<(), $crate::Failed> {
                $crate::run($crate::Kind::Embedded, stringify!($name), super::$name)
            })+
        }
        mod scaled {
            $(#[test]
            fn $name() -> ::std::result::Result<(), $crate::Failed> {
                $crate::run($crate::Kind::Scaled, stringify!($name), super::$name)
            })+
        }
    };
}
