//! The seam that `main` and the tests share: `build` the service from a configuration, `Server::run`
//! it on listeners until told to stop.

use std::collections::HashMap;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use hyper_util::rt::TokioTimer;
use tokio::task::JoinSet;

use crate::access::Access;
use crate::access::clients::ClientCertificates;
use crate::access::settings::AdminSettings;
use crate::access::tokens::Tokens;
use crate::admission::{Admission, Resources};
use crate::attestation::Verifier;
use crate::authorization::Gatekeeper;
use crate::ca::Issuer;
use crate::ca::bundle::bundle;
use crate::clock::Clock;
use crate::config::{Config, IssuerSettings, ListenSettings};
use crate::delivery::{self, Sink};
use crate::enrichment::LiveLists;
use crate::enrichment::webhook::Webhook;
use crate::enrollment::Enrollment;
use crate::http::admin::Desk;
use crate::http::admin::views::issuer::IssuerView;
use crate::http::health::{Readiness, ReadinessReport};
use crate::http::{self, Edge};
use crate::model::attempt::ENROLLMENT_DEADLINE;
use crate::model::certificate::IssuerId;
use crate::publication::{Publication, Watch};
use crate::random::Random;
use crate::renewal::Renewals;
use crate::responder::Responder;
use crate::schedule::{Retention, Schedule};
use crate::store::fate::CommitFate;
use crate::store::{Store, Writing};
use crate::telemetry::{Metrics, Names};

mod client_trust;
mod keys;
mod lists;
mod peer_certificate;
mod publishing;
mod readiness;
mod readings;
mod tls;

use client_trust::{ClientTrust, Clients};
pub use keys::{
    issuer_named, issuing_authorities, load_deployment_key, load_event_sink, load_issuer,
    load_webhook, read_passphrase, roots,
};
use peer_certificate::PeerAcceptor;
use readiness::Health;
use readings::Instruments;
use tls::Reload;

/// How far our clock may stand before the newest attempt in the record, in seconds.
const CLOCK_TOLERANCE: i64 = 120;

/// What a test may replace.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// What becomes of the record's commits.
    pub commits: Arc<dyn CommitFate>,
}

/// Sockets that are bound and not served yet.
#[derive(Debug)]
pub struct Listeners {
    api: TcpListener,
    pki: Option<TcpListener>,
    admin: Option<TcpListener>,
}

impl Listeners {
    /// Binds what the configuration names; port 0 picks a free one.
    ///
    /// # Errors
    /// Where an address is taken or not ours; the message names it.
    pub fn bind(settings: &ListenSettings) -> anyhow::Result<Self> {
        let bind = |address: SocketAddr| -> anyhow::Result<TcpListener> {
            let listener = TcpListener::bind(address)
                .with_context(|| format!("cannot listen on {address}"))?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        Ok(Self {
            api: bind(settings.api)?,
            pki: settings.pki.map(bind).transpose()?,
            admin: settings.admin.map(bind).transpose()?,
        })
    }

    /// Where devices are answered.
    ///
    /// # Errors
    /// Where the socket has no address any more.
    pub fn api_address(&self) -> std::io::Result<SocketAddr> {
        self.api.local_addr()
    }

    /// Where relying parties are answered in plain HTTP, where that is configured.
    ///
    /// # Errors
    /// Where the socket has no address any more.
    pub fn pki_address(&self) -> std::io::Result<Option<SocketAddr>> {
        self.pki.as_ref().map(TcpListener::local_addr).transpose()
    }

    /// Where operators are answered, where that is configured.
    ///
    /// # Errors
    /// Where the socket has no address any more.
    pub fn admin_address(&self) -> std::io::Result<Option<SocketAddr>> {
        self.admin.as_ref().map(TcpListener::local_addr).transpose()
    }
}

/// The service, ready to run.
pub struct Server {
    resources: Arc<Resources>,
    enrollment: Arc<Enrollment>,
    edge: Edge,
    listen: ListenSettings,
    retention: Retention,
    publication: Arc<Publication>,
    sinks: Vec<Arc<Sink>>,
    admin: AdminSettings,
    admin_trust: Option<ClientTrust>,
}

/// Opens the record, loads the keys, proves the credentials, and puts the service together.
/// Nothing is listened on yet.
///
/// # Errors
/// Where anything is missing or does not fit; the message says what to do.
pub async fn build(config: &Config, parts: Parts) -> anyhow::Result<Server> {
    let issuers = load_issuers(config)?;
    let resources = Arc::new(open(config, parts, &issuers).await?);
    let admission = Arc::new(Admission::new(Arc::clone(&resources), &config.admission));
    let publication = Arc::new(publication(config, &resources, &issuers)?);
    let sinks = load_sinks(config)?;
    let names: Vec<_> = sinks.iter().map(|sink| sink.name().to_owned()).collect();
    let health = Health::new(
        Arc::clone(&resources),
        Arc::clone(&publication),
        &issuers,
        names.clone(),
    );
    let admin_trust = admin_trust(config, &issuers)?;
    let readiness: Arc<dyn Readiness> = Arc::new(health);
    let desk = desk(config, &resources, &issuers, &readiness);
    let bundle = bundle(issuers.values().map(Issuer::root)).into();
    let issuer_certificates = issuers.values().flat_map(certificates).collect();
    let configured = config.issuers.iter();
    let configured = configured.filter_map(|settings| issuers.get(&settings.name));
    let responder = Arc::new(Responder::new(Arc::clone(&resources), configured)?);
    let enrollment = Arc::new(Enrollment::new(
        Arc::clone(&admission),
        Arc::clone(&resources),
        issuers,
    ));
    let instruments = Instruments::new(Arc::clone(&admission), Arc::clone(&resources), names);
    let edge = Edge {
        admission,
        enrollment: Arc::clone(&enrollment),
        renewals: Arc::new(Renewals::new(Arc::clone(&resources))),
        profiles: Arc::clone(&resources.profiles),
        bundle,
        issuer_certificates,
        publication: Arc::clone(&publication),
        metrics: Arc::clone(&resources.metrics),
        readings: Arc::new(instruments),
        readiness,
        responder,
        desk: Arc::new(desk),
        settings: Arc::new(config.http.clone()),
        clock: Arc::clone(&resources.clock),
        random: Arc::clone(&resources.random),
    };
    Ok(Server {
        resources,
        enrollment,
        edge,
        listen: config.listen.clone(),
        retention: config.retention,
        publication,
        sinks,
        admin: config.admin.clone(),
        admin_trust,
    })
}

/// What the stories share: the record, the way to Verified Access, the lists, the keys.
async fn open(
    config: &Config,
    parts: Parts,
    issuers: &HashMap<String, Issuer>,
) -> anyhow::Result<Resources> {
    let lists = LiveLists::load(&config.enrichment).context("[enrichment]")?;
    let metrics = Arc::new(metrics(config, issuers));
    let writing = Writing {
        commits: parts.commits,
        measured: metrics.commits.clone(),
        subscriptions: config.subscriptions(),
    };
    let store = Store::open_to_write(&config.database, writing)
        .await
        .with_context(|| format!("cannot open the database {}", config.database))?;
    check_clock(&store, parts.clock.as_ref()).await?;
    let verifier = Verifier::connect(
        &config.verified_access,
        Arc::clone(&parts.clock),
        Arc::clone(&parts.random),
        metrics.calls.clone(),
    )
    .await
    .context("[verified_access]")?;
    Ok(Resources {
        store,
        verifier,
        profiles: Arc::new(config.profiles.clone()),
        lists,
        webhooks: load_webhooks(config)?,
        deployment_key: load_deployment_key(&config.deployment_key_file)?,
        clock: parts.clock,
        random: parts.random,
        metrics,
    })
}

/// Everything that is measured, under the names that the configuration gives.
fn metrics(config: &Config, issuers: &HashMap<String, Issuer>) -> Metrics {
    let profiles = config.profiles.iter();
    let sinks = config.event_sinks.iter();
    let metrics = Metrics::new(&Names {
        profiles: profiles.map(|profile| profile.name.clone()).collect(),
        lists: config.enrichment.names(),
        sinks: sinks.map(|sink| sink.name.clone()).collect(),
        gates: config.gates.iter().map(|gate| gate.name.clone()).collect(),
    });
    for (name, issuer) in issuers {
        metrics.issuers.ends(name, issuer.not_after());
    }
    metrics
}

/// Loads every issuer; each is held against the endpoint, because a certificate that rests on a
/// test Verified Access must never come from an issuer that somebody trusts.
fn load_issuers(config: &Config) -> anyhow::Result<HashMap<String, Issuer>> {
    let load = |settings: &IssuerSettings| {
        let issuer = load_issuer(settings, &config.verified_access)?
            .pointing_to(config.listen.pki_base_url.clone());
        config.check_issuer(settings, issuer.authority())?;
        Ok((settings.name.clone(), issuer))
    };
    config.issuers.iter().map(load).collect()
}

fn load_webhooks(config: &Config) -> anyhow::Result<Vec<Webhook>> {
    config.webhooks.iter().map(load_webhook).collect()
}

fn load_sinks(config: &Config) -> anyhow::Result<Vec<Arc<Sink>>> {
    let sinks = config.event_sinks.iter();
    sinks
        .map(|sink| load_event_sink(sink).map(Arc::new))
        .collect()
}

fn publication(
    config: &Config,
    resources: &Arc<Resources>,
    issuers: &HashMap<String, Issuer>,
) -> anyhow::Result<Publication> {
    let watch = Watch::new(config.listen.pki_base_url.as_ref()).map_err(anyhow::Error::msg)?;
    Ok(Publication::new(
        Arc::clone(resources),
        issuers,
        &config.crl,
        config.crl_timing,
        watch,
    ))
}

/// What operators reach, and how they come in.
fn desk(
    config: &Config,
    resources: &Arc<Resources>,
    issuers: &HashMap<String, Issuer>,
    readiness: &Arc<dyn Readiness>,
) -> Desk {
    let configured = config.issuers.iter();
    let issuers = configured.filter_map(|settings| issuers.get(&settings.name));
    let paths = issuers.clone();
    let paths = paths.map(|issuer| (issuer.authority(), issuer.root()));
    let gates = config.gates.clone();
    let gatekeeper = Gatekeeper::new(Arc::clone(resources), gates, paths);
    Desk {
        access: Access::new(vec![
            Arc::new(Tokens::new(Arc::clone(resources))),
            Arc::new(ClientCertificates::new(&config.admin.client)),
        ]),
        resources: Arc::clone(resources),
        issuers: issuers.map(IssuerView::of).collect(),
        gatekeeper,
        revocation: config.revocation.clone(),
        readiness: Arc::clone(readiness),
    }
}

/// Who vouches for operators' certificates. The fleet's own CA does not: whoever enrols could come in.
fn admin_trust(
    config: &Config,
    issuers: &HashMap<String, Issuer>,
) -> anyhow::Result<Option<ClientTrust>> {
    let Some(file) = &config.admin.client_ca_file else {
        return Ok(None);
    };
    let trust = ClientTrust::load(file).context("[admin]")?;
    for issuer in issuers.values() {
        let ours = [issuer.id(), &issuer.root().issuer_id()];
        ensure!(
            !ours.iter().any(|id| trust.names(id)),
            "[admin]: client_ca_file {} holds a CA of this service: every device that it certifies would get as far as the list of clients; take a CA of its own",
            file.display()
        );
    }
    Ok(Some(trust))
}

/// What `/ca/{issuer}.crt` serves: the issuing certificate, and the root's.
fn certificates(issuer: &Issuer) -> [(IssuerId, Vec<u8>); 2] {
    [
        (issuer.id().clone(), issuer.certificate_der().to_vec()),
        (
            issuer.root().issuer_id(),
            issuer.root_certificate_der().to_vec(),
        ),
    ]
}

async fn check_clock(store: &Store, clock: &dyn Clock) -> anyhow::Result<()> {
    let Some(newest) = store.newest_attempt_at().await? else {
        return Ok(());
    };
    let now = clock.now();
    ensure!(
        newest.since(now) <= CLOCK_TOLERANCE,
        "the clock says {now}, and the record holds an attempt of {newest}: set the clock, then start again"
    );
    Ok(())
}

impl Server {
    /// Serves until `shutdown` resolves, then finishes what was bound and closes the record.
    ///
    /// # Errors
    /// Where a listener fails.
    pub async fn run(
        self,
        listeners: Listeners,
        shutdown: impl Future<Output = ()> + Send,
    ) -> anyhow::Result<()> {
        let (tls, admin_tls) = (self.api_tls().await?, self.admin_tls().await?);
        let handle = Handle::new();
        let mut serving = JoinSet::new();
        let api = http::api(&self.edge);
        serving.spawn(serve(
            listeners.api,
            api,
            tls.as_ref().map(Reload::config),
            handle.clone(),
        ));
        if let Some(listener) = listeners.pki {
            let pki = http::pki(&self.edge);
            serving.spawn(serve(listener, pki, None, handle.clone()));
        }
        if let Some(listener) = listeners.admin {
            let admin = http::admin::routes(&self.edge);
            serving.spawn(serve(
                listener,
                admin,
                admin_tls.as_ref().map(Reload::config),
                handle.clone(),
            ));
        }
        let reloads = tls.into_iter().chain(admin_tls).collect();
        let mut tending = self.tend(reloads);
        let ended = tokio::select! {
            () = shutdown => Ok(()),
            Some(ended) = serving.join_next() => ended.map_err(anyhow::Error::from).and_then(|served| served),
            // Better no service than half of one.
            Some(ended) = tending.join_next() => Err(anyhow!("a task that never ends has ended: {ended:?}")),
        };
        tracing::info!("stopping: no new requests, what was bound is finished");
        handle.graceful_shutdown(Some(Duration::from_secs(ENROLLMENT_DEADLINE)));
        while let Some(served) = serving.join_next().await {
            if let Err(error) = served
                .map_err(anyhow::Error::from)
                .and_then(|served| served)
            {
                tracing::warn!(%error, "a listener ended badly");
            }
        }
        self.enrollment.finish().await;
        tending.abort_all();
        self.resources.store.close().await;
        ended
    }

    /// Whatever goes on beside the requests, for ever: the schedule, the lists, the CRLs, the deliveries.
    fn tend(&self, reloads: Vec<Reload>) -> JoinSet<()> {
        let (resources, publication) = (&self.resources, &self.publication);
        let name: [u8; 8] = resources.random.array().unwrap_or_default();
        let name = crate::model::serial::hex(&name);
        let schedule = Schedule::new(Arc::clone(resources), name.clone(), self.retention)
            .renewing(Arc::clone(&self.edge.responder));
        let publisher = publishing::Publisher::new(resources, publication, name.clone());
        let mut tending = JoinSet::new();
        tending.spawn(chores(schedule, reloads));
        tending.spawn(lists::keep_fresh(Arc::clone(resources)));
        tending.spawn(publisher.run());
        tending.spawn(delivery::run(
            Arc::clone(resources),
            self.sinks.clone(),
            name.clone(),
        ));
        tending.spawn(publishing::watch(
            Arc::clone(resources),
            Arc::clone(publication),
        ));
        tending
    }

    async fn api_tls(&self) -> anyhow::Result<Option<Reload>> {
        match self.listen.tls() {
            Some(files) => Ok(Some(tls::Files::new(files, None).serve().await?)),
            None => Ok(None),
        }
    }

    async fn admin_tls(&self) -> anyhow::Result<Option<Reload>> {
        let Some(files) = self.admin.tls() else {
            return Ok(None);
        };
        let clients = Clients {
            trust: self.admin_trust.clone(),
            clock: Arc::clone(&self.resources.clock),
        };
        Ok(Some(tls::Files::new(files, Some(clients)).serve().await?))
    }

    /// What the stories share; for `vaca doctor` and tests.
    #[must_use]
    pub fn resources(&self) -> &Arc<Resources> {
        &self.resources
    }

    /// The answer of `/readyz`.
    pub async fn readiness(&self) -> ReadinessReport {
        // Nobody may be serving yet.
        let now = self.resources.clock.now();
        if let Err(error) = self.publication.refresh(now).await {
            tracing::error!(%error, "the CRLs cannot be read");
        }
        self.publication.look_from_outside(now).await;
        self.edge.readiness.report().await
    }
}

async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<RustlsConfig>,
    handle: Handle<SocketAddr>,
) -> anyhow::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    // HTTP/1.1 alone: no time runs while a server still guesses the version, nor on an idle HTTP/2
    // connection, so that a peer who says nothing could hold a socket for ever.
    match tls {
        Some(config) => {
            let mut server = axum_server::from_tcp(listener)?
                .acceptor(PeerAcceptor::new(config))
                .http1_only()
                .handle(handle);
            server
                .http_builder()
                .http1()
                .timer(TokioTimer::new())
                .header_read_timeout(http::limits::HEADER_TIME);
            server.serve(service).await?;
        }
        None => {
            let mut server = axum_server::from_tcp(listener)?.http1_only().handle(handle);
            server
                .http_builder()
                .http1()
                .timer(TokioTimer::new())
                .header_read_timeout(http::limits::HEADER_TIME);
            server.serve(service).await?;
        }
    }
    Ok(())
}

/// The loop of the schedule, and the reload of the listeners' certificates.
async fn chores(mut schedule: Schedule, mut reloads: Vec<Reload>) {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(error) = schedule.run_due().await {
            tracing::error!(%error, "the schedule could not run; it tries again");
        }
        for reload in &mut reloads {
            reload.if_changed().await;
        }
    }
}
