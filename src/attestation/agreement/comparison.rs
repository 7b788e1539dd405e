//! What both transports said about the same question.

use std::time::Duration;

use crate::attestation::agreement::item::{differing, shown_by};
use crate::attestation::agreement::{Agreement, Trouble};
use crate::attestation::failure::Meaning;
use crate::attestation::raw::RawAnswer;
use crate::attestation::transport::CallError;
use crate::attestation::verdict::UnverifiedAnswer;
use crate::model::identity::KeyScope;

/// How long gRPC is left alone after it failed where REST answered.
const TROUBLE: Duration = Duration::from_secs(30);

impl Agreement {
    /// Holds what gRPC said against what REST said about the same bytes and identity. `true` where
    /// both accepted them with equal answers.
    pub(in crate::attestation) fn compare(
        &self,
        scope: KeyScope,
        grpc: &Result<RawAnswer, CallError>,
        rest: &Result<UnverifiedAnswer, CallError>,
        now: Duration,
    ) -> bool {
        let judged = match rest {
            Ok(_) => true,
            Err(error) => matches!(error.meaning(), Some(Meaning::Refused | Meaning::Ambiguous)),
        };
        match (grpc, rest) {
            (Ok(raw), Ok(answer)) => return self.compare_answers(scope, raw, answer, now),
            (Ok(raw), Err(_)) if judged => {
                self.disagree(scope, "gRPC accepts what REST refuses", &raw.dump(), now);
            }
            (Err(error), Ok(_)) if error.meaning() == Some(Meaning::Refused) => {
                let dump = error.status();
                self.disagree(scope, "gRPC refuses what REST accepts", dump, now);
            }
            // Two words for the same no are no trouble, and a token is not gRPC's.
            (Err(error), _) if judged => match (error.meaning(), rest) {
                (None | Some(Meaning::Refused), _) | (Some(Meaning::Ambiguous), Err(_)) => {}
                _ => self.trouble(error.status(), now),
            },
            _ => {}
        }
        false
    }

    fn compare_answers(
        &self,
        scope: KeyScope,
        raw: &RawAnswer,
        rest: &UnverifiedAnswer,
        now: Duration,
    ) -> bool {
        self.state().trouble = None;
        let Some(answer) = raw.answer() else {
            let what = "gRPC's answer cannot be read by the assumed numbers";
            self.disagree(scope, what, &raw.dump(), now);
            return false;
        };
        let different = differing(answer, rest);
        if different.is_empty() {
            let shown = shown_by(rest, raw);
            self.state().of(scope, now).learn(shown, now);
            return true;
        }
        let what = format!("gRPC and REST differ in {}", different.join(", "));
        self.disagree(scope, &what, &raw.dump(), now);
        false
    }

    pub(super) fn disagree(&self, scope: KeyScope, what: &str, fields: &str, now: Duration) {
        let news = self.state().of(scope, now).disagree(what, now);
        if news {
            tracing::error!(
                %scope, %what, %fields, description = %self.about,
                "gRPC is not believed: its field numbers are not those of proto/, or the two \
                 transports of Verified Access answer differently"
            );
        }
    }

    /// gRPC failed where REST answered.
    pub(in crate::attestation) fn trouble(&self, status: &'static str, now: Duration) {
        let until = now.saturating_add(TROUBLE);
        let before = self.state().trouble.replace(Trouble { status, until });
        if before.is_none() {
            tracing::warn!(%status, "Verified Access fails over gRPC and answers over REST");
        }
    }
}
