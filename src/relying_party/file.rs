//! A file of a configuration; at its top stands what it is for and how a change takes effect.

use crate::relying_party::Site;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path within the folder.
    pub name: String,
    /// What it says.
    pub text: String,
    /// Its mode.
    pub mode: u32,
    /// Written once: it holds what the relying party adds, or a secret.
    pub once: bool,
}

/// What stands at the top of a file besides where it comes from.
pub(super) struct About<'a> {
    /// What it is for.
    pub(super) purpose: &'a str,
    /// How a change of it takes effect.
    pub(super) reload: &'a str,
}

impl File {
    /// A file that programs read, with comments behind `mark`.
    pub(super) fn new(name: &str, mark: &str, about: &About<'_>, site: &Site, text: &str) -> Self {
        let head = head(mark, about, site);
        // The first line of a script names its interpreter.
        let text = match text.split_once('\n') {
            Some((first, rest)) if first.starts_with("#!") => format!("{first}\n{head}\n{rest}"),
            _ => format!("{head}\n{text}"),
        };
        Self {
            name: name.to_owned(),
            text: one_ending(&text),
            mode: 0o644,
            once: false,
        }
    }

    /// One without room for a comment.
    pub(super) fn bare(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: one_ending(text),
            mode: 0o644,
            once: false,
        }
    }

    /// A program.
    pub(super) fn executable(mut self) -> Self {
        self.mode = 0o755;
        self
    }

    /// One that the server's operator changes: it is not made again.
    pub(super) fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// One that holds a secret, which is not made again either.
    pub(super) fn secret(mut self) -> Self {
        self.mode = 0o600;
        self.once()
    }
}

fn one_ending(text: &str) -> String {
    let mut text = text.trim_end().to_owned();
    text.push('\n');
    text
}

fn head(mark: &str, about: &About<'_>, site: &Site) -> String {
    let mut lines = vec![
        about.purpose.to_owned(),
        format!(
            "Made by vaca {} at {}",
            env!("CARGO_PKG_VERSION"),
            site.made_at.rfc3339()
        ),
        format!("  for certificates of the profile {}", site.profile),
        format!(
            "  of the issuer {} ({})",
            plain(&site.issuing.name),
            site.issuing.id
        ),
        format!(
            "  below the root {} ({}).",
            plain(&site.root.name),
            site.root.id
        ),
        format!("Reload: {}", about.reload),
    ];
    if site.is_test {
        lines.push("A TEST ISSUER: its certificates rest on no word of Google's.".to_owned());
    }
    let mut head = String::new();
    for line in lines {
        head.push_str(mark);
        head.push(' ');
        head.push_str(&line);
        head.push('\n');
    }
    head
}

/// A name as it may stand in a comment: a line of it stays one.
fn plain(name: &str) -> String {
    let letters = name.chars();
    letters
        .map(|letter| if letter.is_control() { '?' } else { letter })
        .collect()
}
