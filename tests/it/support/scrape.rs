//! What a monitoring system sees.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use vaca::model::role::Role;

use super::{Answer, TestCa};

/// One look at `/metrics`.
pub struct Scrape {
    pub text: String,
    series: BTreeMap<String, f64>,
}

impl Scrape {
    /// The value of a series, which there must be.
    pub fn of(&self, series: &str) -> f64 {
        let found = self.series.get(series);
        *found.unwrap_or_else(|| panic!("no {series} in\n{}", self.text))
    }

    pub fn has(&self, series: &str) -> bool {
        self.series.contains_key(series)
    }

    pub fn names(&self) -> BTreeSet<&String> {
        self.series.keys().collect()
    }

    fn read(answer: Answer) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(
            answer.header("content-type"),
            "application/openmetrics-text; version=1.0.0; charset=utf-8"
        );
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.text.ends_with("# EOF\n"));
        let samples = answer.text.lines().filter(|line| !line.starts_with('#'));
        let series = samples.map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap())
        });
        let series: Vec<_> = series.collect();
        let count = series.len();
        let series: BTreeMap<_, _> = series.into_iter().collect();
        assert_eq!(series.len(), count, "each series once");
        Self {
            text: answer.text,
            series,
        }
    }
}

impl TestCa {
    /// Looks at `/metrics`, with a token that is made at the first look.
    pub async fn scrape(&self) -> Scrape {
        let token = self.scraper.get_or_init(|| self.token(Role::Auditor)).await;
        let request = self.client_at(Ipv4Addr::LOCALHOST);
        let request = request
            .get(format!("{}/metrics", self.admin))
            .bearer_auth(token);
        Scrape::read(Answer::of(request.send().await.unwrap()).await)
    }
}
