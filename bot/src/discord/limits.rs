//! Owns the waiting that Discord asks for. serenity sleeps as long as it's told, but a call that is given up meanwhile
//! would forget that; so the moment is kept here, per route, and no call begins before it.

use std::{
    collections::HashMap,
    fmt::{self, Display},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

tokio::task_local! {
    /// The lane of the call that is being made, for serenity's word about limits.
    static LANE: Arc<Lane>;
}

/// What Discord asked to wait for. `None` sorts before any moment.
type Moment = watch::Sender<Option<Instant>>;

/// The limits of all routes.
#[derive(Default)]
pub(super) struct Limits {
    /// The end of the limit over all routes.
    paused: Moment,
    lanes: Mutex<HashMap<String, Arc<Lane>>>,
}

impl fmt::Debug for Limits {
    /// Leaves the lanes out: their names hold the tokens of interactions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").field("paused", &*self.paused.borrow()).finish_non_exhaustive()
    }
}

/// Calls that Discord counts together. One at a time: those behind see what the one before was told.
#[derive(Debug, Default)]
struct Lane {
    turn: tokio::sync::Mutex<()>,
    not_before: Moment,
}

/// Which limits a call is under.
pub(super) struct Under {
    lane: String,
    /// Whether the limit over all routes doesn't count.
    exempt: bool,
}

impl Under {
    /// A route, counted by what is named: a guild, a channel, or nothing.
    pub(super) fn route(route: &str, of: impl Display) -> Self {
        Self { lane: format!("{route}:{of}"), exempt: false }
    }

    /// The answers to one interaction, which are exempt from the limit over all routes.
    /// Source: Discord documentation, "Rate Limits", "Global Rate Limit".
    pub(super) fn interaction(token: &str) -> Self {
        Self { lane: format!("interaction:{token}"), exempt: true }
    }
}

impl Limits {
    /// Notes that Discord asks to wait. Called by serenity while it makes a call.
    pub(super) fn limited(&self, global: bool, wait: Duration) {
        let until = Some(Instant::now() + wait);
        let later = |moment: &mut Option<Instant>| *moment = until.max(*moment);
        // An error says that no lane made the call; then there is none to close.
        let _ = LANE.try_with(|lane| lane.not_before.send_modify(later));
        if global {
            self.paused.send_modify(later);
        }
    }

    /// Makes a call when its limits allow it. An error says why it wasn't made or finished by `deadline`.
    pub(super) async fn within<T>(
        &self,
        under: Under,
        deadline: Instant,
        call: impl Future<Output = T>,
    ) -> Result<T, &'static str> {
        let lane = self.lane(&under.lane);
        let turn = async {
            let _turn = lane.turn.lock().await;
            self.clear(&lane, under.exempt, deadline).await?;
            let mut not_before = lane.not_before.subscribe();
            let mut paused = self.paused.subscribe();
            tokio::select! {
                biased;
                () = reaches(&mut not_before, |moment| *moment > Some(deadline)) => Err("its rate limit is too long"),
                // Its own limit may be the one over all routes; then serenity waits for it.
                () = paused_by_others(&mut paused, &lane), if !under.exempt => Err("a limit over all routes came"),
                answer = LANE.scope(Arc::clone(&lane), call) => Ok(answer),
            }
        };
        timeout_at(deadline, turn).await.unwrap_or(Err("no answer in time"))
    }

    /// Waits until nothing stands against a call; an error at once when that is after the deadline.
    async fn clear(&self, lane: &Lane, exempt: bool, deadline: Instant) -> Result<(), &'static str> {
        loop {
            let pause = if exempt { None } else { *self.paused.borrow() };
            let moment = pause.max(*lane.not_before.borrow());
            match moment {
                Some(moment) if moment > deadline => return Err("its rate limit is too long"),
                Some(moment) if moment > Instant::now() => tokio::time::sleep_until(moment).await,
                _ => return Ok(()),
            }
        }
    }

    fn lane(&self, name: &str) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(name) {
            return Arc::clone(lane);
        }
        // Those that nobody uses and nothing is known about: there's one for each interaction.
        let now = Some(Instant::now());
        lanes.retain(|_, lane| Arc::strong_count(lane) > 1 || *lane.not_before.borrow() > now);
        Arc::clone(lanes.entry(name.to_owned()).or_default())
    }
}

/// Returns when the moment is as wanted.
async fn reaches(moment: &mut watch::Receiver<Option<Instant>>, wanted: impl FnMut(&Option<Instant>) -> bool) {
    let mut wanted = wanted;
    if moment.wait_for(|moment| wanted(moment)).await.is_err() {
        // Its sender outlives every call.
        std::future::pending().await
    }
}

async fn paused_by_others(paused: &mut watch::Receiver<Option<Instant>>, lane: &Lane) {
    let now = Some(Instant::now());
    reaches(paused, |pause| *pause > now && *pause > *lane.not_before.borrow()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn under(lane: &str, exempt: bool) -> Under {
        if exempt { Under::interaction(lane) } else { Under::route("route", lane) }
    }

    /// A call that is told to wait, and sleeps as serenity does.
    async fn refused(limits: &Limits, global: bool, wait: Duration) {
        limits.limited(global, wait);
        tokio::time::sleep(wait).await;
    }

    #[tokio::test(start_paused = true)]
    async fn no_call_comes_before_its_moment() {
        let limits = Limits::default();
        let soon = || Instant::now() + 10 * SECOND;
        let began = Instant::now();
        // Given up at once, and remembered.
        let long = limits.within(under("a", false), soon(), refused(&limits, false, 15 * SECOND)).await;
        assert!(long.is_err() && began.elapsed() < SECOND);
        assert!(limits.within(under("a", false), soon(), async {}).await.is_err());
        assert!(limits.within(under("b", false), soon(), async {}).await.is_ok());
        tokio::time::sleep(6 * SECOND).await;
        assert!(limits.within(under("a", false), soon(), async {}).await.is_ok());
        assert_eq!(began.elapsed().as_secs(), 15);
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_over_all_routes_spares_interactions() {
        let limits = Limits::default();
        let soon = || Instant::now() + 10 * SECOND;
        let waiting = limits.within(under("a", false), soon(), tokio::time::sleep(5 * SECOND));
        let exempt = limits.within(under("b", true), soon(), tokio::time::sleep(5 * SECOND));
        let refused_one = limits.within(under("c", false), soon(), refused(&limits, true, 2 * SECOND));
        let (waiting, exempt, own) = tokio::join!(waiting, exempt, refused_one);
        assert!(waiting.is_err(), "it might begin inside the limit");
        assert!(exempt.is_ok() && own.is_ok());
        // A shorter one doesn't shorten it.
        limits.limited(true, 9 * SECOND);
        limits.limited(true, SECOND);
        let began = Instant::now();
        assert!(limits.within(under("b", true), soon(), async {}).await.is_ok());
        assert_eq!(began.elapsed().as_secs(), 0);
        assert!(limits.within(under("a", false), soon(), async {}).await.is_ok());
        assert_eq!(began.elapsed().as_secs(), 9);
    }

    #[tokio::test(start_paused = true)]
    async fn those_behind_hear_what_the_one_before_was_told() {
        let limits = Limits::default();
        let soon = || Instant::now() + 10 * SECOND;
        let first = limits.within(under("a", false), soon(), refused(&limits, false, 15 * SECOND));
        let second = limits.within(under("a", false), soon(), async { panic!("too early") });
        let (first, second) = tokio::join!(first, second);
        assert!(first.is_err() && second.is_err());
    }
}
