//! Owns the trace context that follows one deed from the interaction to the role.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A W3C `traceparent` (Trace Context, version 00): one trace id for everything one deed leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceParent {
    trace: u128,
    parent: u64,
}

/// Not a `traceparent` of version 00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a traceparent looks like 00-<32 hex digits>-<16 hex digits>-<2 hex digits>")]
pub struct TraceError;

impl TraceParent {
    /// The trace of a deed that nobody traced before: derived from the deed's id, so that a repeat has the same trace.
    #[must_use]
    pub fn of(id: Uuid) -> Self {
        let (high, low) = id.as_u64_pair();
        Self { trace: id.as_u128().max(1), parent: (high ^ low).max(1) }
    }

    /// The trace id, 32 hex digits, as logs show it.
    #[must_use]
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }
}

impl std::fmt::Display for TraceParent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "00-{:032x}-{:016x}-01", self.trace, self.parent)
    }
}

impl From<TraceParent> for String {
    fn from(trace: TraceParent) -> Self {
        trace.to_string()
    }
}

impl TryFrom<String> for TraceParent {
    type Error = TraceError;

    fn try_from(text: String) -> Result<Self, TraceError> {
        text.parse()
    }
}

impl std::str::FromStr for TraceParent {
    type Err = TraceError;

    fn from_str(text: &str) -> Result<Self, TraceError> {
        let hex = |part: &str, len: usize| {
            part.len() == len && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let parts: Vec<&str> = text.split('-').collect();
        let [version, trace, parent, flags] = parts[..] else { return Err(TraceError) };
        if version != "00" || !hex(trace, 32) || !hex(parent, 16) || !hex(flags, 2) {
            return Err(TraceError);
        }
        let trace = u128::from_str_radix(trace, 16).map_err(|_| TraceError)?;
        let parent = u64::from_str_radix(parent, 16).map_err(|_| TraceError)?;
        if trace == 0 || parent == 0 { Err(TraceError) } else { Ok(Self { trace, parent }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_survives_the_journey() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(text.parse::<TraceParent>().map(|t| t.to_string()).as_deref(), Ok(text));
        for bad in ["", "00-0-0-01", "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", &text.to_uppercase()] {
            assert_eq!(bad.parse::<TraceParent>(), Err(TraceError), "{bad:?}");
        }
    }
}
