//! Calls to Verified Access: each single one, comparisons and further tries included.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use crate::clock::Clock;
use crate::telemetry::Labels;
use crate::telemetry::catalogue::Catalogue;
use crate::telemetry::stages::{Times, seconds};

/// The result of a call that nobody waited for any longer.
const GIVEN_UP: &str = "GIVEN_UP";

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GenerateChallenge`.
    Generate,
    /// `VerifyChallengeResponse`.
    Verify,
}

/// By which transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// gRPC.
    Grpc,
    /// REST.
    Rest,
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Self::Generate => "generate_challenge",
            Self::Verify => "verify_challenge_response",
        }
    }
}

impl Way {
    fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Rest => "rest",
        }
    }
}

/// How many calls, and how long they took.
#[derive(Clone, Debug)]
pub struct Calls {
    results: Family<Labels<3>, Counter>,
    times: Times<2>,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            results: Family::default(),
            times: Family::new_with_constructor(seconds),
        }
    }
}

impl Calls {
    pub(super) fn registered(catalogue: &mut Catalogue) -> Self {
        let calls = Self::default();
        catalogue.add(
            "verified_access_calls",
            "Calls to Verified Access, by google.rpc.Code or a reason of ours",
            &["method", "transport", "result"],
            calls.results.clone(),
        );
        catalogue.add_seconds(
            "verified_access_call_duration",
            "How long a call to Verified Access took, the wait for a token included",
            &["method", "transport"],
            calls.times.clone(),
        );
        calls
    }

    /// A call begins.
    #[must_use]
    pub fn begin(&self, method: Method, way: Way, clock: Arc<dyn Clock>) -> Call {
        let labels = [
            ("method", method.as_str().into()),
            ("transport", way.as_str().into()),
        ];
        Call {
            time: self.times.get_or_create_owned(&labels),
            results: self.results.clone(),
            method,
            way,
            begun: clock.monotonic(),
            clock,
            result: GIVEN_UP,
        }
    }
}

/// A call on its way. Dropped, it is counted: as given up, where nobody said how it ended.
#[derive(Debug)]
pub struct Call {
    results: Family<Labels<3>, Counter>,
    time: Histogram,
    method: Method,
    way: Way,
    begun: Duration,
    clock: Arc<dyn Clock>,
    result: &'static str,
}

impl Call {
    /// It ended: `OK`, the name of a google.rpc.Code, or a word of ours.
    pub fn ended(mut self, result: &'static str) {
        self.result = result;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let labels = [
            ("method", self.method.as_str().into()),
            ("transport", self.way.as_str().into()),
            ("result", self.result.into()),
        ];
        self.results.get_or_create(&labels).inc();
        let took = self.clock.monotonic().saturating_sub(self.begun);
        self.time.observe(took.as_secs_f64());
    }
}
