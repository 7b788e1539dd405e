//! What is believed of whom, for people.

use std::fmt;
use std::time::Duration;

use crate::attestation::agreement::proof::Trial;
use crate::attestation::agreement::{Agreement, Stance};
use crate::model::identity::KeyScope;

/// Who answers one kind of question, and why it is not gRPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Belief {
    /// `user`, `machine` or `challenges`.
    pub subject: &'static str,
    /// `grpc` or `rest`.
    pub transport: &'static str,
    /// Names of fields and codes; no value of an answer, and no text of a peer.
    pub reason: Option<String>,
    /// Whether the two transports were seen to differ.
    pub disagreement: bool,
}

impl fmt::Display for Belief {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} over {}", self.subject, self.transport)?;
        match &self.reason {
            Some(reason) => write!(formatter, " ({reason})"),
            None => Ok(()),
        }
    }
}

fn word(stance: Stance) -> &'static str {
    match stance {
        Stance::Grpc => "grpc",
        Stance::Both | Stance::Rest => "rest",
    }
}

impl Agreement {
    /// Both scopes and challenges, where REST and gRPC are compared.
    pub(in crate::attestation) fn beliefs(&self, now: Duration) -> Vec<Belief> {
        let mut beliefs: Vec<_> = [KeyScope::User, KeyScope::Machine]
            .into_iter()
            .map(|scope| self.belief(scope, now))
            .collect();
        let stance = self.challenge_stance(now);
        beliefs.push(Belief {
            subject: "challenges",
            transport: word(stance),
            reason: match stance {
                Stance::Grpc => None,
                Stance::Both => Some("not made over grpc yet".to_owned()),
                Stance::Rest => self.trouble_said(now),
            },
            disagreement: false,
        });
        beliefs
    }

    fn belief(&self, scope: KeyScope, now: Duration) -> Belief {
        let stance = self.stance(scope, now);
        let trouble = self.trouble_said(now);
        let mut state = self.state();
        let proof = state.of(scope, now);
        let disagreement = proof.disagreement().is_some();
        let reason = match (proof.disagreement(), stance) {
            (Some(what), _) => Some(what.to_owned()),
            (None, Stance::Grpc) => None,
            (None, Stance::Rest) if trouble.is_some() => trouble,
            (None, Stance::Rest | Stance::Both) => {
                let seen = match proof.negative {
                    Trial::Inconclusive { seen, .. } => {
                        format!("; a wrong identity got {seen}")
                    }
                    Trial::Unknown | Trial::InFlight { .. } | Trial::Proven => String::new(),
                };
                let missing = proof.missing(scope).join(", ");
                Some(format!("not proven over grpc: {missing}{seen}"))
            }
        };
        Belief {
            subject: scope.as_str(),
            transport: word(stance),
            reason,
            disagreement,
        }
    }

    /// Both scopes, where gRPC answers alone.
    pub(in crate::attestation) fn identity_checks(&self, now: Duration) -> Vec<Belief> {
        let scopes = [KeyScope::User, KeyScope::Machine].into_iter();
        scopes
            .map(|scope| {
                let found = self.wrong_identity_refused(scope, now);
                Belief {
                    subject: scope.as_str(),
                    transport: "grpc",
                    disagreement: found.is_err(),
                    reason: match found {
                        Ok(true) => None,
                        Ok(false) => Some("not proven: expected_identity".to_owned()),
                        Err(what) => Some(format!("nobody is answered: {what}")),
                    },
                }
            })
            .collect()
    }

    fn trouble_said(&self, now: Duration) -> Option<String> {
        let state = self.state();
        let trouble = state
            .trouble
            .as_ref()
            .filter(|trouble| now < trouble.until)?;
        Some(format!("grpc fails: {}", trouble.status))
    }
}
