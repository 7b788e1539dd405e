//! The bounds of the edge. Constants, because nobody has a reason to change them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{FromRef, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::http::peer::Peer;
use crate::http::problem::Problem;
use crate::http::settings::HttpSettings;
use crate::model::problem_code::ProblemCode;

/// The largest body, in octets: ten times a genuine challenge response.
pub const BODY_BYTES: usize = 64 * 1024;

/// How much of a body that is too large is read before the connection is given up, in octets.
pub const DISCARDED_BYTES: usize = 4 * 1024 * 1024;

/// How long a body may take to arrive.
pub const BODY_TIME: Duration = Duration::from_secs(10);

/// How long a request's header may take to arrive; the listener applies it.
pub const HEADER_TIME: Duration = Duration::from_secs(10);

/// How long a request may take from its header to its answer. The stories have shorter deadlines of
/// their own; this one is for what they overlook.
pub const REQUEST_TIME: Duration = Duration::from_secs(35);

/// How many requests are served at once; with it, the memory that bodies take is bounded to 64 MiB.
pub const CONCURRENT_REQUESTS: usize = 1024;

/// How many of these one client may hold: a stranger with slow bodies must not turn the rest away. A
/// school behind one address stays far below it.
pub const CONCURRENT_REQUESTS_OF_ONE: usize = CONCURRENT_REQUESTS / 4;

/// The places of one listener.
#[derive(Debug)]
struct Places {
    all: Semaphore,
    taken: Mutex<HashMap<IpAddr, usize>>,
    settings: Arc<HttpSettings>,
}

impl Places {
    fn new(settings: Arc<HttpSettings>) -> Self {
        Self {
            all: Semaphore::new(CONCURRENT_REQUESTS),
            taken: Mutex::default(),
            settings,
        }
    }

    /// A place for `client`, where it has not taken its share.
    fn take(&self, client: IpAddr) -> Option<ShareOfOne<'_>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(client).or_default();
        if *count >= CONCURRENT_REQUESTS_OF_ONE {
            return None;
        }
        *count += 1;
        Some(ShareOfOne {
            places: self,
            client,
        })
    }
}

/// The places, as routes share them.
#[derive(Clone, Debug)]
pub(super) struct Bounds(Arc<Places>);

impl Bounds {
    pub(super) fn new(settings: &Arc<HttpSettings>) -> Self {
        Self(Arc::new(Places::new(Arc::clone(settings))))
    }
}

impl FromRef<Bounds> for Arc<HttpSettings> {
    fn from_ref(bounds: &Bounds) -> Self {
        Arc::clone(&bounds.0.settings)
    }
}

/// A client's place, given back when it is dropped.
#[derive(Debug)]
struct ShareOfOne<'a> {
    places: &'a Places,
    client: IpAddr,
}

impl Drop for ShareOfOne<'_> {
    fn drop(&mut self) {
        let taken = self.places.taken.lock();
        let mut taken = taken.unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = taken.entry(self.client) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// Serves within the bounds: a request that finds no place is turned away at once, because a queue
/// would only answer when the client has gone.
pub(super) async fn bound(
    State(Bounds(places)): State<Bounds>,
    peer: Peer,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let _share = places.take(peer.0).ok_or(ProblemCode::Busy)?;
    let _place = places.all.try_acquire().map_err(|_| ProblemCode::Busy)?;
    in_time(REQUEST_TIME, next.run(request)).await
}

async fn in_time(
    time: Duration,
    answer: impl Future<Output = Response>,
) -> Result<Response, Problem> {
    timeout(time, answer).await.map_err(|_| {
        tracing::error!("a request outlived its time");
        ProblemCode::InternalError.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_takes_a_share_and_gives_it_back() {
        let places = Places::new(Arc::default());
        let greedy = IpAddr::from([192, 0, 2, 1]);
        let held: Vec<_> = (0..2 * CONCURRENT_REQUESTS_OF_ONE)
            .filter_map(|_| places.take(greedy))
            .collect();
        assert_eq!(held.len(), CONCURRENT_REQUESTS_OF_ONE);
        assert!(places.take(IpAddr::from([192, 0, 2, 2])).is_some());
        drop(held);
        assert!(places.take(greedy).is_some());
        assert!(places.taken.lock().is_ok_and(|taken| taken.is_empty()));
    }

    #[tokio::test]
    async fn an_answer_that_never_comes_is_not_waited_for() {
        let never = std::future::pending();
        let outcome = in_time(Duration::from_millis(20), never).await;
        assert_eq!(outcome.err(), Some(ProblemCode::InternalError.into()));
    }
}
