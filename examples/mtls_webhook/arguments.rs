//! What it is told at its start.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{ArgGroup, Args, Parser, ValueEnum};
use const_oid::ObjectIdentifier;

use crate::fetch::Source;
use crate::holder::{Kind, Profile};
use crate::keys::Keys;
use crate::token::{Rules, Tokens, Whose};
use crate::trust::Files;

/// A webhook that lets in who shows a certificate of the CA, and an identity token besides
///
/// Files are read again when they change. What is refused is written to the standard error output, one line
/// each, with what has to be installed where.
#[derive(Parser)]
#[command(name = "mtls_webhook")]
#[command(group(ArgGroup::new("identity").required(true).args(["token_audience", "without_token"])))]
#[command(group(ArgGroup::new("whose").multiple(true).args(["token_email", "token_subject"])))]
pub(crate) struct Arguments {
    /// Where it listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    pub(crate) listen: SocketAddr,
    /// The server's own certificate with its chain, PEM; never from vaca
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The CA's roots, PEM: what GET /v1/ca/bundle.pem answers
    #[arg(long, value_name = "FILE")]
    roots: PathBuf,
    /// The certificates of the issuing CAs, PEM: whose lists there must be; nobody is trusted for them
    #[arg(long, value_name = "FILE")]
    issuing: PathBuf,
    /// Revocation lists, PEM or DER; one of each root and each issuing CA, in one file or several
    #[arg(long, value_name = "FILE", required = true)]
    lists: Vec<PathBuf>,
    /// Whose certificates are let in
    #[arg(long, value_name = "KIND", default_value = "user")]
    kind: KindArgument,
    /// A domain of theirs; may be given several times
    #[arg(long = "domain", value_name = "DOMAIN", required = true)]
    domains: Vec<String>,
    /// The policy that their certificates must have, such as 1.3.6.1.4.1.32473.1.1
    #[arg(long, value_name = "OID")]
    policy: Option<ObjectIdentifier>,
    #[command(flatten)]
    token: TokenArguments,
    /// Let in without an identity token: a certificate is enough
    #[arg(long, conflicts_with_all = ["whose", "token_keys", "token_keys_ca"])]
    without_token: bool,
}

#[derive(Args)]
struct TokenArguments {
    /// Whom the token must be for: this webhook's URL, as the agent has it
    #[arg(long, value_name = "AUDIENCE", requires_all = ["whose", "token_keys"])]
    token_audience: Option<String>,
    /// Who must have signed it
    #[arg(
        long,
        value_name = "ISSUER",
        default_value = "https://accounts.google.com"
    )]
    token_issuer: String,
    /// Whose it must be: the e-mail of the agent's service account. Anybody can have Google sign a token for
    /// this audience; this says whose is meant. May be given several times
    #[arg(long, value_name = "EMAIL")]
    token_email: Vec<String>,
    /// The same by the number of the account, its subject
    #[arg(long, value_name = "SUBJECT")]
    token_subject: Vec<String>,
    /// The issuer's keys: a JWKS, as a file or an https:// address
    #[arg(long, value_name = "FILE|URL")]
    token_keys: Option<String>,
    /// Who vouches for the host of that address, PEM [default: the public authorities]
    #[arg(long, value_name = "FILE")]
    token_keys_ca: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum KindArgument {
    User,
    Device,
}

impl Arguments {
    pub(crate) fn files(&self) -> Files {
        Files {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            roots: self.roots.clone(),
            issuing: self.issuing.clone(),
            lists: self.lists.clone(),
        }
    }

    pub(crate) fn profile(&self) -> Profile {
        Profile {
            kind: match self.kind {
                KindArgument::User => Kind::User,
                KindArgument::Device => Kind::Device,
            },
            domains: self.domains.clone(),
            policy: self.policy,
        }
    }

    /// How tokens are judged; nothing where a certificate is enough.
    pub(crate) async fn tokens(&self) -> anyhow::Result<Option<Tokens>> {
        let Some(audience) = &self.token.token_audience else {
            return Ok(None);
        };
        let place = self.token.token_keys.as_deref();
        let place = place.context("--token-keys is missing")?;
        let source = Source::of(place, self.token.token_keys_ca.as_deref())?;
        let whose = Whose {
            emails: self.token.token_email.clone(),
            subjects: self.token.token_subject.clone(),
        };
        let rules = Rules::new(audience, &self.token.token_issuer, whose);
        let keys = Keys::load(Box::new(source), crate::token::now()).await;
        let keys = keys.with_context(|| format!("cannot have the keys at {place}"))?;
        Ok(Some(Tokens { rules, keys }))
    }
}
