//! The authority's HTTP API: one request, told when to come back.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::header::RETRY_AFTER;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Problem, Progress};
use crate::http_client;

/// How often the same bytes are sent again.
const MAX_RETRIES: u32 = 3;

/// A longer wait outlives every challenge.
const MAX_WAIT_S: u64 = 60;

pub(super) struct Authority {
    http: reqwest::Client,
    base: String,
}

impl Authority {
    pub(super) fn new(url: &str, trusted_roots_pem: Option<&str>) -> anyhow::Result<Self> {
        Ok(Self {
            http: http_client::client(trusted_roots_pem)?,
            base: url.trim_end_matches('/').to_owned(),
        })
    }

    /// Posts JSON; while the answer is `retry_same`, waits as told and posts the same bytes again.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        progress: &mut impl FnMut(Progress<'_>),
    ) -> anyhow::Result<T> {
        let url = format!("{}{path}", self.base);
        let mut retries = 0;
        loop {
            let answer = self.http.post(&url).json(body).send().await;
            let answer = answer.with_context(|| format!("no certificate authority at {url}"))?;
            if answer.status().is_success() {
                return answer
                    .json()
                    .await
                    .with_context(|| format!("{url} answered something else than documented"));
            }
            let problem = problem_in(answer).await;
            let seconds = problem.retry_after.unwrap_or(1).max(1);
            if !problem.may_retry_same() || retries == MAX_RETRIES || seconds > MAX_WAIT_S {
                return Err(problem.into());
            }
            retries += 1;
            progress(Progress::Waiting {
                problem: &problem,
                seconds,
            });
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
    }
}

/// The problem document of a refusal; `Retry-After` completes it.
async fn problem_in(answer: reqwest::Response) -> Problem {
    let status = answer.status().as_u16();
    let retry_after = answer
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok());
    let body = answer.bytes().await.unwrap_or_default();
    let mut problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
    problem.status = status;
    problem.retry_after = retry_after.or(problem.retry_after);
    problem
}
