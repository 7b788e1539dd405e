//! `vaca tokens create|list|revoke|bootstrap`: who may use the admin API.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};

use crate::access::issue::{IssuedToken, TokenOffice, TokenOrder, revoke};
use crate::cli::init::write_private;
use crate::cli::open_store;
use crate::cli::page::{Page, numbered};
use crate::cli::text::{print_json, print_table};
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::Config;
use crate::http::admin::views::token::TokenView;
use crate::model::actor::Actor;
use crate::model::certificate_header::CertificateHeader;
use crate::model::role::Role;
use crate::model::token::TokenId;
use crate::random::SystemRandom;
use crate::server::load_deployment_key;
use crate::store::Store;

#[derive(Debug, Subcommand)]
pub(super) enum TokensCommand {
    /// Make a token and print it, once.
    Create(Create),
    /// The newest tokens, the worthless ones included.
    List(List),
    /// Make a token worthless, at once.
    Revoke(Revoke),
    /// Write a token that makes the first administrator's into a file: for one use, within a day.
    Bootstrap(Bootstrap),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// What its holder may do: relying_party, auditor, help_desk, operator or administrator.
    #[arg(long, value_parser = role)]
    role: Role,
    /// What people call it: 1 to 64 letters, digits, dots, dashes and underscores.
    #[arg(long)]
    name: String,
    /// How long it is good, such as 30d or 12h: a minute to 400 days.
    #[arg(long, value_name = "AGE", default_value = "90d")]
    expires: String,
    /// Of a proxy that asks gates: the header field in which it says what certificate a client showed.
    #[arg(long, value_name = "NAME", value_parser = CertificateHeader::parse)]
    certificate_header: Option<CertificateHeader>,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// The eight characters behind `vaca_`.
    #[arg(value_parser = token_id)]
    id: TokenId,
}

#[derive(Debug, Args)]
pub(super) struct Bootstrap {
    /// Where to write it, beside the configuration where the path is relative; never over a file.
    #[arg(long, default_value = "bootstrap-token")]
    file: PathBuf,
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| {
        "the roles are relying_party, auditor, help_desk, operator and administrator".to_owned()
    })
}

fn token_id(text: &str) -> Result<TokenId, String> {
    TokenId::parse(text)
        .ok_or_else(|| "an id is 8 letters and digits; never the whole token".to_owned())
}

pub(super) async fn run(config: &Config, command: TokensCommand) -> anyhow::Result<ExitCode> {
    match command {
        TokensCommand::Create(create) => {
            let mut order = TokenOrder::new(&create.name, create.role, Some(&create.expires))?;
            if let Some(header) = create.certificate_header {
                order = order.for_proxy(header)?;
            }
            let issued = issue(config, &order).await?;
            let end = Timestamp(issued.grant.expires_at);
            eprintln!(
                "token {} of {} ({}) until {end}; it is shown this once:",
                issued.id, issued.name, issued.grant.role
            );
            println!("{}", issued.text());
        }
        TokensCommand::Bootstrap(Bootstrap { file }) => bootstrap(config, &file).await?,
        TokensCommand::List(List { page }) => print_list(config, &page).await?,
        TokensCommand::Revoke(Revoke { id }) => {
            let store = open_store(config).await?;
            let now = SystemClock::new().now();
            let revoked = revoke(&store, id.clone(), &Actor::CommandLine, now).await;
            store.close().await;
            let revoked = revoked?.with_context(|| format!("no token has the id {id}"))?;
            let when = if revoked { "now" } else { "already" };
            println!("{id} is revoked {when}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn bootstrap(config: &Config, file: &std::path::Path) -> anyhow::Result<()> {
    let file = config.folder.join(file);
    // Looked at first, so that no token is made in vain.
    ensure!(
        !file.exists(),
        "{} exists: use the token in it, or remove it",
        file.display()
    );
    let issued = issue(config, &TokenOrder::bootstrap()).await?;
    write_private(&file, issued.text())?;
    let end = Timestamp(issued.grant.expires_at);
    println!(
        "{} holds token {}, which makes one token until {end}",
        file.display(),
        issued.id
    );
    Ok(())
}

async fn issue(config: &Config, order: &TokenOrder) -> anyhow::Result<IssuedToken> {
    let key = load_deployment_key(&config.deployment_key_file)?;
    let store: Store = open_store(config).await?;
    let office = TokenOffice {
        store: &store,
        key: &key,
        random: &SystemRandom,
        now: SystemClock::new().now(),
    };
    let issued = office.issue(order, &Actor::CommandLine, None).await;
    store.close().await;
    Ok(issued?)
}

async fn print_list(config: &Config, page: &Page) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let rows = store.tokens(page.before, page.limit).await?;
    let now = SystemClock::new().now();
    let views: Vec<_> = rows.iter().map(|row| TokenView::of(row, now)).collect();
    if page.json {
        for (row, view) in rows.iter().zip(&views) {
            print_json(&numbered(row.row, view));
        }
        return Ok(());
    }
    let cells: Vec<_> = views
        .into_iter()
        .map(|view| {
            vec![
                view.id,
                view.name,
                view.role.to_string(),
                view.state.to_owned(),
                view.created_at,
                view.expires_at,
                view.last_used_at.unwrap_or_else(|| "-".to_owned()),
            ]
        })
        .collect();
    let head = [
        "TOKEN",
        "NAME",
        "ROLE",
        "STATE",
        "CREATED",
        "EXPIRES",
        "LAST USED",
    ];
    print_table(&head, &cells);
    page.print_rest(&rows, |row| row.row);
    Ok(())
}
