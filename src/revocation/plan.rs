//! What an order would hit, before it does.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{Context, SHA256};

use crate::clock::Timestamp;
use crate::model::certificate::IssuerId;
use crate::model::identity::{DeviceId, Email};
use crate::model::serial::{SerialNumber, hex};
use crate::revocation::{Office, Order, Selection, Target};
use crate::store::blocks::Blocked;
use crate::store::certificates::Holder;
use crate::store::selection::{Place, Selected, Within};
use crate::store::{Store, StoreError};

/// Rows that are read at once.
const PART: u32 = 5_000;
/// Certificates that are shown one by one.
const EXAMPLES: usize = 20;

/// Said of a device of which only its own certificates are known.
const UNLINKED_USERS: &str = "no user's certificate is linked to this device: Google may not have named it in users' answers; revoke those by --email";
/// Said of a user's certificate whose device is not known.
const UNLINKED_DEVICE: &str = "Google named no device in some of these users' answers, so no device is blocked for them; --email blocks the user";

/// How much of all that is good is revoked within a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Certificates that have not ended.
    pub live: i64,
    /// Revocations of the last day that people or their programs ordered.
    pub recent: i64,
    /// How many there may be within a day without confirmation.
    pub at_most: i64,
}

impl Share {
    /// Whether so many more need no confirmation.
    #[must_use]
    pub fn admits(self, more: u64) -> bool {
        let more = i64::try_from(more).unwrap_or(i64::MAX);
        self.recent.saturating_add(more) <= self.at_most || more == 0
    }
}

/// What an order would do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The certificates that would be revoked, by row.
    pub rows: Vec<i64>,
    /// How many of those selected are revoked already.
    pub already: u64,
    /// The first of them, for people.
    pub examples: Vec<Selected>,
    /// Who would get no new certificate.
    pub blocks: Vec<Blocked>,
    /// How many of them are CAs' own: each ends all that its CA has signed.
    pub authorities: u64,
    /// Numbers that no certificate has.
    pub missing: Vec<String>,
    /// What could not be linked, in words.
    pub notes: Vec<&'static str>,
    /// SHA-256, 32 digits of it, over reason and every selected certificate: another set has another one.
    pub digest: String,
}

/// What the order would do at this moment. Reads only.
///
/// # Errors
/// [`StoreError`].
pub async fn plan(office: &Office<'_>, order: &Order) -> Result<Plan, StoreError> {
    let mut draft = Draft::new(order);
    let devices = gather(office, &order.selection, &mut draft).await?;
    let by_name = !matches!(order.selection.target, Target::All);
    let blocking = order
        .block
        .unwrap_or(by_name && office.policy.blocks(order.reason));
    let mut plan = draft.finish();
    if blocking {
        plan.blocks = blocks(&order.selection.target, &devices);
    }
    Ok(plan)
}

struct Draft<'a> {
    selection: &'a Selection,
    context: Context,
    plan: Plan,
}

impl<'a> Draft<'a> {
    fn new(order: &'a Order) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(b"vaca-revocation-v1");
        context.update(order.reason.as_str().as_bytes());
        Self {
            selection: &order.selection,
            context,
            plan: Plan {
                rows: Vec::new(),
                already: 0,
                examples: Vec::new(),
                blocks: Vec::new(),
                authorities: 0,
                missing: Vec::new(),
                notes: Vec::new(),
                digest: String::new(),
            },
        }
    }

    /// Takes a certificate that the filter admits; answers whether it did.
    fn take(&mut self, certificate: Selected) -> bool {
        if !self.selection.filter.admits(&certificate) {
            return false;
        }
        self.context.update(certificate.issuer.as_str().as_bytes());
        let serial = certificate.serial.as_bytes();
        let length = u8::try_from(serial.len()).unwrap_or(u8::MAX);
        self.context.update(&[length]);
        self.context.update(serial);
        if certificate.is_revoked {
            self.plan.already += 1;
        } else {
            self.plan.rows.push(certificate.row);
            self.plan.authorities += u64::from(certificate.kind == "issuing");
        }
        if self.plan.examples.len() < EXAMPLES {
            self.plan.examples.push(certificate);
        }
        true
    }

    fn note(&mut self, note: &'static str) {
        if !self.plan.notes.contains(&note) {
            self.plan.notes.push(note);
        }
    }

    fn finish(mut self) -> Plan {
        let mut digest = hex(self.context.finish().as_ref());
        digest.truncate(32);
        self.plan.digest = digest;
        self.plan
    }
}

/// Takes every selected certificate; answers the ids of the devices that they are on.
async fn gather(
    office: &Office<'_>,
    selection: &Selection,
    draft: &mut Draft<'_>,
) -> Result<BTreeSet<String>, StoreError> {
    let (store, now) = (office.store, office.now);
    let mut devices = BTreeSet::new();
    let found = match &selection.target {
        Target::Serials(serials) => of_serials(store, serials, draft).await?,
        Target::Device(device) => {
            devices.insert(device.as_str().to_owned());
            let found = of_device(store, device, now).await?;
            if found.iter().all(|one| one.holder.email.is_none()) {
                draft.note(UNLINKED_USERS);
            }
            found
        }
        Target::Email(email) => {
            let identity = format!("user:{}", email.as_str());
            store.select_identity(&identity, now).await?
        }
        Target::All => {
            let (mut after, within) = (None, &selection.filter.within());
            while let Some((part, place)) = part(store, within, now, after).await? {
                after = Some(place);
                for certificate in part {
                    draft.take(certificate);
                }
            }
            // A fleet is not blocked because its certificates are revoked.
            return Ok(devices);
        }
    };
    let is_named = !matches!(selection.target, Target::Email(_));
    for certificate in found {
        let (ids, client) = (ids(&certificate.holder), certificate.kind == "client");
        if draft.take(certificate) && is_named {
            if ids.is_empty() && client {
                draft.note(UNLINKED_DEVICE);
            }
            devices.extend(ids);
        }
    }
    Ok(devices)
}

/// A part of all certificates, and where it ends; `None` behind the last.
async fn part(
    store: &Store,
    within: &Within<'_>,
    now: Timestamp,
    after: Option<Place>,
) -> Result<Option<(Vec<Selected>, Place)>, StoreError> {
    let part = store.select_part(within, now, after, PART).await?;
    let place = part.last().map(|last| (last.not_after, last.row));
    Ok(place.map(|place| (part, place)))
}

/// Each by its number, of whichever issuer where none is named.
async fn of_serials(
    store: &Store,
    serials: &[(Option<IssuerId>, SerialNumber)],
    draft: &mut Draft<'_>,
) -> Result<Vec<Selected>, StoreError> {
    let issuers = store.issuer_ids().await?;
    let mut found = Vec::with_capacity(serials.len());
    for (issuer, serial) in serials {
        let before = found.len();
        let named = |id: &&IssuerId| issuer.as_ref().is_none_or(|issuer| issuer == *id);
        for id in issuers.iter().filter(named) {
            found.extend(store.select_serial(id, *serial).await?);
        }
        if found.len() == before {
            draft.plan.missing.push(serial.to_string());
        }
    }
    found.sort_by_key(|certificate| certificate.row);
    found.dedup_by_key(|certificate| certificate.row);
    Ok(found)
}

/// The device's own certificates and its users', in the order of their rows. First by what an index finds;
/// a device that is known by another id alone is looked for among all.
async fn of_device(
    store: &Store,
    device: &DeviceId,
    now: Timestamp,
) -> Result<Vec<Selected>, StoreError> {
    let own = format!("device:{}", device.as_str());
    let mut found = store.select_identity(&own, now).await?;
    found.extend(store.select_virtual_device(device.as_str(), now).await?);
    if found.is_empty() {
        let (mut after, within) = (None, &Within::ANYTHING);
        while let Some((part, place)) = part(store, within, now, after).await? {
            after = Some(place);
            let has = |certificate: &Selected| {
                let ids = certificate.holder.device_ids();
                ids.contains(&Some(device.as_str()))
            };
            found.extend(part.into_iter().filter(has));
        }
    }
    let holders = found.iter().map(|certificate| certificate.holder.clone());
    let virtual_ids: BTreeSet<_> = holders
        .filter_map(|holder| holder.virtual_device_id)
        .collect();
    for id in virtual_ids {
        found.extend(store.select_virtual_device(&id, now).await?);
    }
    found.sort_by_key(|certificate| certificate.row);
    found.dedup_by_key(|certificate| certificate.row);
    Ok(found)
}

fn ids(holder: &Holder) -> Vec<String> {
    let ids = holder.device_ids().into_iter().flatten();
    ids.map(ToOwned::to_owned).collect()
}

/// By every id: a block matches any of them.
fn blocks(target: &Target, devices: &BTreeSet<String>) -> Vec<Blocked> {
    let email = |email: &Email| Blocked::Email(email.clone());
    let user = match target {
        Target::Email(address) => Some(email(address)),
        _ => None,
    };
    let devices = devices.iter().filter_map(|id| DeviceId::parse(id).ok());
    user.into_iter()
        .chain(devices.map(Blocked::Device))
        .collect()
}
