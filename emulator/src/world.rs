//! Everything that the listeners of one emulator share.

use std::sync::Arc;

use axum::middleware;
use tonic::service::Routes;

use crate::clock::Clock;
use crate::control::{self, Control, KeyFiles};
use crate::directory::Directory;
use crate::door::{self, CallCounter, Door};
use crate::faults::Faults;
use crate::grpc::PublicApi;
use crate::privacy_ca::PrivacyCa;
use crate::protocol::verified_access_server::VerifiedAccessServer;
use crate::rest;
use crate::server::Options;
use crate::server_keys::{RsaKeys, ServerKeys, WellKnownKeys};
use crate::service_accounts::{Access, ServiceAccounts};
use crate::verified_access::LocalVerifiedAccess;

/// Verified Access, who may call it, and what is scripted and counted.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) verified_access: Arc<LocalVerifiedAccess>,
    pub(crate) accounts: Arc<ServiceAccounts>,
    pub(crate) calls: Arc<CallCounter>,
    pub(crate) faults: Faults,
    pub(crate) key_files: KeyFiles,
}

impl World {
    /// Makes all keys and seeds the directory.
    pub(crate) async fn new(options: &Options, control_url: &str) -> anyhow::Result<Self> {
        let keys = if options.shared_keys {
            RsaKeys::shared().await?
        } else {
            RsaKeys::fresh().await?
        };
        let accounts = ServiceAccounts::new(format!("{control_url}/emulator/v1/token"));
        let key_files = KeyFiles {
            full: accounts.add("full-access", Access::Full, keys.full_access)?,
            limited: accounts.add("limited-access", Access::Limited, keys.limited_access)?,
        };
        let well_known = options.well_known_keys.as_deref();
        let verified_access = LocalVerifiedAccess {
            keys: ServerKeys::new(keys.signing, &keys.encryption)?,
            well_known: well_known.map(WellKnownKeys::read).transpose()?,
            privacy_ca: PrivacyCa::new()?,
            directory: seeded_directory(options)?,
            clock: options.clock.clone(),
        };
        Ok(Self {
            verified_access: Arc::new(verified_access),
            accounts: Arc::new(accounts),
            calls: Arc::default(),
            faults: Faults::default(),
            key_files,
        })
    }

    /// The public API: gRPC and REST, behind one door.
    pub(crate) fn verified_access_router(&self, token_clock: Clock) -> axum::Router {
        let service = PublicApi {
            verified_access: self.verified_access.clone(),
            accounts: self.accounts.clone(),
            token_clock,
        };
        let door = Door {
            faults: self.faults.clone(),
            calls: self.calls.clone(),
        };
        Routes::new(VerifiedAccessServer::new(service.clone()))
            .into_axum_router()
            .merge(rest::router(service))
            .layer(middleware::from_fn_with_state(door, door::pass))
    }

    /// The control plane.
    pub(crate) fn control_router(&self, options: &Options) -> axum::Router {
        control::router(Control {
            verified_access: self.verified_access.clone(),
            accounts: self.accounts.clone(),
            faults: self.faults.clone(),
            calls: self.calls.clone(),
            clock: options.clock.clone(),
            token_clock: options.token_clock.clone(),
            key_files: self.key_files.clone(),
        })
    }
}

fn seeded_directory(options: &Options) -> anyhow::Result<Directory> {
    let directory = Directory::new(&options.domain, &options.customer_id);
    directory.add_user(directory.draft_user(&format!("alice@{}", options.domain)));
    directory.add_device(directory.draft_device()?);
    Ok(directory)
}
