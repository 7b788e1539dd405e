//! What the person before the terminal reads.

use std::io::IsTerminal as _;

/// Begins a step.
pub(crate) fn step(number: u32, title: &str) {
    println!("\n{number}. {title}");
}

/// Something that was done and checked; what it concerns stands in a column of its own.
pub(crate) fn ok(subject: &str, fact: &str) {
    println!("   ok  {subject:<20} {fact}");
}

/// Something to know that is neither right nor wrong.
pub(crate) fn note(text: &str) {
    println!("   --  {text}");
}

/// The end of a story that did not work out, with every cause.
pub(crate) fn failed(error: &anyhow::Error) {
    eprintln!("\n   FAILED  {error:#}");
}

/// Warnings of the service and of the local Verified Access go to standard error: without them a
/// refusal while the quickstart runs would show its reason to nobody.
pub(crate) fn show_warnings() {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}
