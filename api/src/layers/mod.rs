//! Owns what happens around every request, outermost first: [`observe`] traces, logs, counts and adds headers;
//! [`work`] bounds how much is done at once and for how long, and keeps work going when a client goes away.

mod observe;
mod work;

pub(crate) use observe::observe;
pub(crate) use work::work;
