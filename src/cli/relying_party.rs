//! `vaca relying-party config`: what a server, or a Chromebook, has to be told.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, Subcommand, ValueEnum};

use crate::ca::Authority;
use crate::cli::serve::parts;
use crate::config::{Config, IssuerSettings};
use crate::http::settings::ExtensionId;
use crate::model::profile::CertificateProfile;
use crate::relying_party::{self, File, Kind, Place, Revocation, Site, Trust};

mod write;

#[derive(Debug, Subcommand)]
pub(super) enum RelyingPartyCommand {
    /// Write a complete configuration for a server that trusts the certificates, or for a client.
    ///
    /// It is made from the CA as it is: its certificates, its names, the profile, where revocation
    /// lists are published. A server's comes with a refresh of the lists: a script, and a unit and a
    /// timer of systemd. Without --out all of it is printed.
    Config(Box<ConfigArguments>),
}

#[derive(Debug, Args)]
pub(super) struct ConfigArguments {
    /// What it is for: freeradius, hostapd, nginx, haproxy, apache, envoy, caddy, stunnel, strongswan,
    /// ocserv, openvpn, node, openssl, postgresql, mosquitto, ingress-nginx; google-admin, wpa-supplicant, ovpn.
    #[arg(value_parser = Kind::parse)]
    kind: Kind,
    /// The profile whose certificates are used.
    #[arg(long)]
    profile: String,
    /// Where the files are written.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write over files that are there. Secrets, and what the server's operator adds, stay.
    #[arg(long, requires = "out")]
    replace: bool,
    /// Have the program itself check what was written; it has to be installed here.
    #[arg(long, requires = "out")]
    check: bool,
    /// The folder in which the files will be used, where that is not --out
    /// [default: --out, or /etc/vaca/KIND-PROFILE].
    #[arg(long, value_name = "DIR")]
    folder: Option<String>,
    /// Where relying parties reach the CA in plain HTTP, such as http://pki.example.com
    /// [default: pki_base_url of [listen]].
    #[arg(long, value_name = "URL")]
    pki_url: Option<String>,
    /// The name in the server's own certificate [default: radius, vpn or intranet in the profile's
    /// domain].
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Where the server listens [default: everywhere, the usual port].
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// nginx, haproxy, apache, envoy, caddy, stunnel: the application behind it.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    application: SocketAddr,
    /// freeradius: whom to trust.
    #[arg(long, value_enum, default_value = "issuing")]
    trust: TrustArgument,
    /// freeradius, nginx, apache: how to learn of revocation [default: lists].
    #[arg(long, value_enum)]
    revocation: Option<RevocationArgument>,
    /// caddy; freeradius, nginx, with --revocation status: where they reach the admin listener, such as
    /// https://vaca.example.com:8444
    #[arg(long, value_name = "URL")]
    admin_url: Option<String>,
    /// caddy: the gate that is asked for [default: the first [[gate]] of the profile].
    #[arg(long, value_name = "NAME")]
    gate: Option<String>,
    /// google-admin, wpa-supplicant: the name of the Wi-Fi.
    #[arg(long, value_name = "NAME", default_value = "vaca")]
    ssid: String,
    /// google-admin: where Chromebooks reach the service [default: vaca in the profile's domain].
    #[arg(long, value_name = "URL")]
    api_url: Option<String>,
    /// google-admin: the extension's id [default: the first of [http] extension_ids].
    #[arg(long, value_name = "ID", value_parser = ExtensionId::parse)]
    extension: Option<ExtensionId>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TrustArgument {
    /// The root alone: clients must send the issuing certificate, and every level's list is asked for.
    Root,
    /// Root and issuing CA: clients may send their own certificate alone.
    Issuing,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RevocationArgument {
    /// Lists that are fetched every minute.
    Lists,
    /// The responder, asked for each client.
    Ocsp,
    /// The service itself, asked for each authentication (freeradius, nginx); while it does not answer
    /// lists decide, which are fetched every minute.
    Status,
}

pub(super) fn run(config: &Config, command: RelyingPartyCommand) -> anyhow::Result<ExitCode> {
    let RelyingPartyCommand::Config(arguments) = command;
    let parts = parts();
    let profile = profile(config, &arguments.profile)?;
    let issuer = config
        .issuers
        .iter()
        .find(|issuer| issuer.name == profile.issuer);
    let issuer = issuer.context("the profile's issuer is not configured")?;
    let (issuing, root) = (
        read(issuer, &issuer.certificate_file)?,
        read(issuer, &issuer.root_certificate_file)?,
    );
    let place = place(config, profile, &arguments)?;
    let site = Site::new(
        profile,
        &config.profiles,
        (&issuing, &root),
        place,
        parts.clock.now(),
    );
    let files = relying_party::files(arguments.kind, &site, parts.random.as_ref())?;
    let Some(out) = &arguments.out else {
        print(&files);
        return Ok(ExitCode::SUCCESS);
    };
    write::all(out, &files, arguments.replace)?;
    println!("{}: {} for {}", out.display(), arguments.kind, profile.name);
    if arguments.check {
        return check(arguments.kind, &site.place.folder);
    }
    Ok(ExitCode::SUCCESS)
}

fn profile<'a>(config: &'a Config, name: &str) -> anyhow::Result<&'a CertificateProfile> {
    let found = config.profiles.iter().find(|profile| profile.name == name);
    found.with_context(|| {
        let names: Vec<_> = config
            .profiles
            .iter()
            .map(|profile| profile.name.as_str())
            .collect();
        format!(
            "no [[profile]] is named {name:?}; there are {}",
            names.join(", ")
        )
    })
}

fn read(issuer: &IssuerSettings, file: &Path) -> anyhow::Result<Authority> {
    let named = || format!("[[issuer]] {}: {}", issuer.name, file.display());
    let pem = std::fs::read(file).with_context(named)?;
    Authority::from_pem(&pem).with_context(named)
}

fn place(
    config: &Config,
    profile: &CertificateProfile,
    arguments: &ConfigArguments,
) -> anyhow::Result<Place> {
    let kind = arguments.kind;
    let domain = profile.first_domain().map_or("", |domain| domain.as_str());
    let folder = match (&arguments.folder, &arguments.out) {
        (Some(folder), _) => folder.clone(),
        (None, Some(out)) => std::path::absolute(out)?.display().to_string(),
        (None, None) => format!("/etc/vaca/{kind}-{}", profile.name),
    };
    let configured = config.listen.pki_base_url.as_ref();
    let pki_url = arguments
        .pki_url
        .clone()
        .or(configured.map(ToString::to_string));
    let pki_url = pki_url.context(
        "nothing says where relying parties reach the CA in plain HTTP: set pki_base_url in [listen], which certificates then say too, or give --pki-url, such as http://pki.example.com",
    )?;
    let first = || config.http.extension_ids.first();
    let everywhere = || SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), kind.port());
    let place = Place {
        folder,
        pki_url,
        server: arguments
            .server
            .clone()
            .unwrap_or_else(|| format!("{}.{domain}", kind.host())),
        listen: arguments.listen.unwrap_or_else(everywhere),
        application: arguments.application,
        trust: match arguments.trust {
            TrustArgument::Root => Trust::Root,
            TrustArgument::Issuing => Trust::Issuing,
        },
        revocation: match arguments.revocation {
            None if kind.asks_gates() => Revocation::Gate,
            None | Some(RevocationArgument::Lists) => Revocation::Lists,
            Some(RevocationArgument::Ocsp) => Revocation::Ocsp,
            Some(RevocationArgument::Status) => Revocation::Status,
        },
        ssid: arguments.ssid.clone(),
        extension: arguments
            .extension
            .as_ref()
            .or_else(first)
            .map(ToString::to_string),
        api_url: arguments
            .api_url
            .clone()
            .unwrap_or_else(|| format!("https://vaca.{domain}")),
        admin_url: arguments.admin_url.clone(),
        gate: kind
            .asks_gates()
            .then(|| gate(config, profile, arguments.gate.as_deref()))
            .transpose()?,
    };
    Ok(place.check()?)
}

/// The gate of this name, or the first; holders of the profile's certificates must pass it.
fn gate(
    config: &Config,
    profile: &CertificateProfile,
    name: Option<&str>,
) -> anyhow::Result<String> {
    let mut gates = config.gates.iter();
    let found = gates.find(|gate| {
        let is_closed = gate.is_closed_to(&profile.name, profile.first_domain());
        is_closed.is_none() && name.is_none_or(|name| name == gate.name)
    });
    let found = found.with_context(|| match name {
        Some(name) => format!(
            "no [[gate]] named {name:?} is open to the profile {}",
            profile.name
        ),
        None => format!(
            "no [[gate]] is open to the profile {}: make one (docs/forward-authentication.md)",
            profile.name
        ),
    })?;
    Ok(found.name.clone())
}

fn print(files: &[File]) {
    for file in files {
        println!("==> {} <==\n{}", file.name, file.text);
    }
}

/// What the program itself says of its files.
fn check(kind: Kind, folder: &str) -> anyhow::Result<ExitCode> {
    let Some((program, arguments)) = kind.checker(folder) else {
        bail!("{kind} has no checker of its own: it is checked by starting it");
    };
    let line = format!("{program} {}", arguments.join(" "));
    let status = Command::new(program).args(&arguments).status();
    let status =
        status.with_context(|| format!("`{line}` cannot be run; run it where {program} is"))?;
    ensure!(
        status.success(),
        "`{line}` is not content; INSTALL says what has to be there, certificate and key of the server and the lists that refresh fetches"
    );
    println!("`{line}` is content");
    Ok(ExitCode::SUCCESS)
}
