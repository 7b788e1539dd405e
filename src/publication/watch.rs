//! A look at our own lists from outside: over the address that stands in the certificates, as relying
//! parties fetch them. A list that nobody can fetch is no list.

use std::collections::HashMap;
use std::sync::RwLock;
use std::time::Duration;

use reqwest::header::{ETAG, IF_NONE_MATCH};
use reqwest::{Client, StatusCode};

use crate::attestation::https;
use crate::ca::Authority;
use crate::ca::crl::{CrlUpdate, ReadCrl};
use crate::clock::Timestamp;
use crate::model::certificate::IssuerId;
use crate::model::pki_base::PkiBase;

/// How long one fetch may take.
const FETCH_TIME: Duration = Duration::from_secs(10);
/// Longest list that is fetched, in octets: five million lines.
const LONGEST: usize = 256 << 20;

/// What was seen the last time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When.
    pub at: Timestamp,
    /// The list that was there the last time that there was one.
    pub list: Option<CrlUpdate>,
    /// Why it could not be fetched or believed, this time.
    pub fault: Option<String>,
}

impl Seen {
    /// Whether relying parties cannot fetch a list that is good.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        let ended = self.list.is_none_or(|list| list.next_update <= self.at);
        self.fault.is_some() || ended
    }
}

#[derive(Debug)]
struct Last {
    seen: Seen,
    tag: Option<String>,
}

/// Where to look, and what was seen.
#[derive(Debug)]
pub struct Watch {
    from: Option<(PkiBase, Client)>,
    last: RwLock<HashMap<IssuerId, Last>>,
}

impl Watch {
    /// Looks below this address; without one there is nothing to look at.
    ///
    /// # Errors
    /// What the HTTP library said.
    pub fn new(pki_base: Option<&PkiBase>) -> Result<Self, String> {
        let from = match pki_base {
            None => None,
            Some(base) => Some((base.clone(), https::client_under(None, FETCH_TIME)?)),
        };
        Ok(Self {
            from,
            last: RwLock::default(),
        })
    }

    /// What was seen of a CA's list.
    #[must_use]
    pub fn seen(&self, issuer: &IssuerId) -> Option<Seen> {
        let last = self.last.read().ok()?;
        last.get(issuer).map(|last| last.seen.clone())
    }

    /// Fetches a CA's list, if it is another one than the last time.
    pub(super) async fn look(&self, authority: &Authority, now: Timestamp) -> Option<Seen> {
        let (base, client) = self.from.as_ref()?;
        let issuer = authority.issuer_id();
        let (before, tag) = match self.last.read().ok()?.get(&issuer) {
            Some(last) => (last.seen.list, last.tag.clone()),
            None => (None, None),
        };
        let fetched = fetch(client, &base.crl(&issuer), tag.as_deref(), authority).await;
        let (list, tag, fault) = match fetched {
            Ok(Some((list, tag))) => (Some(list), tag, None),
            Ok(None) => (before, tag, None),
            Err(fault) => (before, tag, Some(fault)),
        };
        if let Some(fault) = &fault {
            tracing::warn!(%issuer, fault, "our own CRL cannot be fetched over the public address");
        }
        let at = now;
        let seen = Seen { at, list, fault };
        let last = Last {
            seen: seen.clone(),
            tag,
        };
        self.last.write().ok()?.insert(issuer, last);
        Some(seen)
    }
}

/// `None`: it is still the one with this tag.
async fn fetch(
    client: &Client,
    url: &str,
    tag: Option<&str>,
    authority: &Authority,
) -> Result<Option<(CrlUpdate, Option<String>)>, String> {
    let mut request = client.get(url);
    if let Some(tag) = tag {
        request = request.header(IF_NONE_MATCH, tag);
    }
    let response = request
        .send()
        .await
        .map_err(|error| https::cause(&error.without_url()))?;
    match response.status() {
        StatusCode::NOT_MODIFIED if tag.is_some() => return Ok(None),
        StatusCode::OK => {}
        other => return Err(format!("it answers {other}")),
    }
    let tag = response.headers().get(ETAG);
    let tag = tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let der = https::read(response, LONGEST).await?;
    let list = ReadCrl::verify(&der, authority).map_err(|error| error.to_string())?;
    Ok(Some((list.update(), tag)))
}
