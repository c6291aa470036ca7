//! A simulated Discord, faithful to the documentation of API v10: REST over TLS, the gateway, slash commands and
//! components with their deadlines, permissions and rate limits. It holds *state* (guilds, members, roles, channels,
//! messages), its verbs are a person's, and its faults are settings. It knows nothing of any bot or library.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use discord_sim::{Demo, Sim, SimConfig, World};
//!
//! let sim = Sim::start(SimConfig::new(World::demo())).await?;
//! // … start a bot on `sim.rest_addr()` with `sim.ca_pem()` and `sim.token()` …
//! let reply = sim
//!     .run_command(Demo::GUILD, Demo::BRAM, Demo::HALL, "season show", serde_json::json!({}))
//!     .await?
//!     .reply()
//!     .await?;
//! assert!(reply.ephemeral);
//! sim.shutdown().await;
//! # Ok(()) }
//! ```

mod clock;
mod config;
mod control;
mod core;
mod error;
mod faults;
mod form;
mod gateway;
mod handle;
mod ids;
mod log;
mod people;
mod rest;
mod serve;
mod sim;
mod tls;
mod view;
mod world;

pub use clock::Clock;
pub use config::{Limits, Quota, SimConfig};
pub use control::Client;
pub use faults::{Effect, Fault, GatewayFault, LimitScope};
pub use gateway::SessionView;
pub use handle::InteractionHandle;
pub use ids::*;
pub use log::{RequestEntry, Violation, too_early};
pub use people::Act;
pub use sim::Sim;
pub use view::*;
pub use world::{
    Channel, Command, Demo, Guild, InteractionKind, InteractionState, Member, MemberSeed, Message, Role, RoleChange,
    RoleSeed, User, World, WorldBuilder, permissions,
};
