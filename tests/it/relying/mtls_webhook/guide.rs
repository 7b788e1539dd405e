//! `docs/mtls-webhook.md`: its commands, as somebody follows them, and its table of refusals.

use std::collections::BTreeSet;
use std::path::Path;

use super::example;
use crate::relying::daemon::free_port;
use crate::relying::guide::Tour;

const DOCUMENT: &str = "docs/mtls-webhook.md";

#[tokio::test]
async fn ten_minutes_beside_the_quickstart() {
    let mut tour = Tour::start().await;
    tour.put_folder("/tmp/vaca-webhook", "webhook");
    tour.put("8443", &free_port().to_string());
    let own = example().display().to_string();
    tour.put("cargo run --example mtls_webhook --", &own);
    let blocks = tour.blocks(DOCUMENT, "Ten minutes, beside the quickstart");
    let [
        configure,
        serve,
        ask,
        sign,
        serve_with_tokens,
        ask_with_tokens,
        revoke,
    ] = blocks.as_slice()
    else {
        panic!("{} blocks", blocks.len());
    };
    tour.follow("", configure).await;
    let ready = "listening on https://";
    let webhook = tour.run(serve, ready).await;
    let answered = tour.follow("", ask).await;
    let confirmed = "Confirmed for alice@example.com.";
    assert!(answered.contains(confirmed), "{answered}");
    tour.follow("", sign).await;
    drop(webhook);

    let webhook = tour.run(serve_with_tokens, ready).await;
    let (asking, _) = ask.rsplit_once("ask").unwrap();
    let answered = tour.follow(asking, ask_with_tokens).await;
    let (without, with) = answered.split_once('\n').unwrap();
    assert!(without.contains("\"token_missing\""), "{answered}");
    assert!(with.contains(confirmed), "{answered}");
    // curl ends with an error: TLS's alert.
    let refused = tour
        .follow(asking, &format!("{} || echo refused", revoke.trim_end()))
        .await;
    assert_eq!(refused.lines().last(), Some("refused"), "{refused}");
    webhook.says(": certificate_revoked: serial 01").await;
    assert!(tour.folder().join("webhook/crl.pem").exists());
}

/// A code stands in the sources as words with a comma behind them, and nothing else does.
fn codes_of(source: &str) -> BTreeSet<String> {
    let literals = source.split('"').collect::<Vec<_>>();
    let pairs = literals.windows(2).skip(1).step_by(2);
    let codes = pairs.filter(|pair| {
        let is_word = |letter: u8| letter.is_ascii_lowercase() || letter == b'_';
        pair[0].contains('_') && pair[0].bytes().all(is_word) && pair[1].starts_with(',')
    });
    codes.map(|pair| pair[0].to_owned()).collect()
}

#[test]
fn each_refusal_of_the_sources_has_a_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = std::fs::read_to_string(root.join(DOCUMENT)).unwrap();
    let (_, section) = document.split_once("## What it refuses\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let cells = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let written: BTreeSet<String> = cells.flat_map(between_ticks).collect();
    let mut sources = BTreeSet::new();
    for file in std::fs::read_dir(root.join("examples/mtls_webhook")).unwrap() {
        let path = file.unwrap().path();
        // Its words are those of the command line.
        if path.file_name().unwrap() != "arguments.rs" {
            sources.extend(codes_of(&std::fs::read_to_string(path).unwrap()));
        }
    }
    assert_eq!(written, sources);
}

/// The words of a cell whose first tick was taken off.
fn between_ticks(cell: &str) -> Vec<String> {
    cell.split('`')
        .step_by(2)
        .map(str::to_owned)
        .filter(|word| !word.is_empty())
        .collect()
}
