//! discord-sim.
