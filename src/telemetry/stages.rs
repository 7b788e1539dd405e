//! How long the steps of an enrolment take, whatever comes of them.

use std::time::Duration;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use crate::clock::Clock;
use crate::telemetry::catalogue::Catalogue;
use crate::telemetry::{Labels, SECONDS};

macro_rules! words {
    ($(#[doc = $about:literal])+ $table:ident: $($(#[doc = $doc:literal])+ $name:ident = $word:literal,)+) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $table {
            $($(#[doc = $doc])+ $name,)+
        }

        impl $table {
            /// Every one, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The label.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

words! {
    /// A step between a request and its answer.
    Stage:
    /// Verified Access makes a challenge; further tries and their pauses are in it.
    Challenge = "challenge",
    /// The commit that binds a response to its challenge.
    Bind = "bind",
    /// Verified Access is asked about a response; further tries and their pauses are in it.
    VerifiedAccess = "verified_access",
    /// The commit that keeps its verdict.
    Verdict = "verdict",
    /// A service of the organisation's own is asked, where the profile names one.
    Webhook = "webhook",
    /// The key is proven, facts are gathered, policy decides; the wait for a webhook is not in it.
    Policy = "policy",
    /// The certificate's octets are made and linted.
    Prepare = "prepare",
    /// The commit before the signature.
    Intend = "intend",
    /// The signature is made and read again.
    Sign = "sign",
    /// The commit behind it.
    Record = "record",
}

words! {
    /// How a request for a certificate was answered.
    Ending:
    /// With a certificate that was issued just now.
    Issued = "issued",
    /// With one that the same bytes got before.
    Repeated = "repeated",
    /// With a problem.
    Refused = "refused",
}

/// Histograms of times.
#[derive(Debug)]
pub struct Stages {
    stages: Vec<Histogram>,
    endings: Vec<Histogram>,
}

pub(super) fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

pub(super) type Times<const N: usize> = Family<Labels<N>, Histogram, fn() -> Histogram>;

impl Stages {
    pub(super) fn registered(catalogue: &mut Catalogue) -> Self {
        let stages: Times<1> = Family::new_with_constructor(seconds);
        let endings: Times<1> = Family::new_with_constructor(seconds);
        catalogue.add_seconds(
            "stage_duration",
            "How long a step of an enrolment took",
            &["stage"],
            stages.clone(),
        );
        catalogue.add_seconds(
            "enrollment_duration",
            "How long a request for a certificate took, from its body to its answer",
            &["outcome"],
            endings.clone(),
        );
        let stage = |stage: &Stage| stages.get_or_create_owned(&[("stage", stage.as_str().into())]);
        let ending =
            |ending: &Ending| endings.get_or_create_owned(&[("outcome", ending.as_str().into())]);
        Self {
            stages: Stage::ALL.iter().map(stage).collect(),
            endings: Ending::ALL.iter().map(ending).collect(),
        }
    }

    /// A step took this long.
    pub fn took(&self, stage: Stage, time: Duration) {
        if let Some(histogram) = self.stages.get(stage as usize) {
            histogram.observe(time.as_secs_f64());
        }
    }

    /// A whole enrolment took this long.
    pub fn ended(&self, ending: Ending, time: Duration) {
        if let Some(histogram) = self.endings.get(ending as usize) {
            histogram.observe(time.as_secs_f64());
        }
    }

    /// Does a step and measures it. What is dropped half-way is not measured.
    pub async fn timed<T>(
        &self,
        stage: Stage,
        clock: &dyn Clock,
        step: impl Future<Output = T>,
    ) -> T {
        let start = clock.monotonic();
        let done = step.await;
        self.took(stage, clock.monotonic().saturating_sub(start));
        done
    }
}
