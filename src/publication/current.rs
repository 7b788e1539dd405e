//! The lists that are served now, in the forms in which they are served.

use std::collections::HashMap;
use std::sync::Arc;

use prost::bytes::Bytes;

use crate::model::certificate::IssuerId;
use crate::model::digest::sha256;
use crate::model::serial::hex;
use crate::store::crls::CrlRow;

/// One list.
#[derive(Debug)]
pub struct PublishedCrl {
    row: CrlRow,
    der: Bytes,
    tag: String,
}

impl PublishedCrl {
    pub(super) fn new(row: CrlRow, der: Vec<u8>) -> Self {
        let mut tag = hex(&sha256(&der));
        tag.truncate(32);
        Self {
            row,
            tag,
            der: der.into(),
        }
    }

    /// What is known of it.
    #[must_use]
    pub fn row(&self) -> CrlRow {
        self.row
    }

    /// The list, DER.
    #[must_use]
    pub fn der(&self) -> &Bytes {
        &self.der
    }

    /// A word that no other list has.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// PEM (RFC 7468, section 5).
    #[must_use]
    pub fn pem(&self) -> String {
        let block = der::pem::encode_string("X509 CRL", der::pem::LineEnding::LF, &self.der);
        block.unwrap_or_default()
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Current {
    lists: HashMap<IssuerId, Arc<PublishedCrl>>,
    all: Option<Bytes>,
}

impl Current {
    pub(super) fn crl(&self, issuer: &IssuerId) -> Option<Arc<PublishedCrl>> {
        self.lists.get(issuer).cloned()
    }

    pub(super) fn all(&self) -> Option<Bytes> {
        self.all.clone()
    }

    pub(super) fn lists(&self) -> Vec<(IssuerId, Arc<PublishedCrl>)> {
        let lists = self.lists.iter();
        lists
            .map(|(id, crl)| (id.clone(), Arc::clone(crl)))
            .collect()
    }

    pub(super) fn put(&mut self, issuer: IssuerId, crl: Arc<PublishedCrl>) {
        self.lists.insert(issuer, crl);
    }

    /// Puts the lists of these CAs behind each other, in this order.
    pub(super) fn join(&mut self, order: impl Iterator<Item = IssuerId>) {
        let mut all = String::new();
        for id in order {
            let Some(crl) = self.lists.get(&id) else {
                self.all = None;
                return;
            };
            all.push_str(&crl.pem());
        }
        self.all = Some(all.into());
    }
}
