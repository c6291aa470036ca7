//! The two ways of changing something, each written once: [`deed`] for what is not points, committed here; [`points`]
//! for commands on points, published for the worker.

pub(crate) mod deed;
pub(crate) mod points;

pub(crate) use deed::{Cx, Deed, Reply};
