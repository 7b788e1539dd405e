//! The text of a configuration file, kept so that a mistake can be told with its line.

use std::fmt::Display;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::ConfigError;

/// A step from the file's top to what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Into a table.
    Key(&'static str),
    /// Into a list, counted from 0.
    Nth(usize),
}

/// What does not fit, and where, apart from the file.
#[derive(Debug)]
pub(super) struct Misfit {
    pub(super) at: Vec<Step>,
    /// Which table or key, in words.
    pub(super) place: String,
    /// What to change.
    pub(super) message: String,
}

impl Misfit {
    /// In a table of its own at the file's top.
    pub(super) fn in_table(table: &'static str, message: &dyn Display) -> Self {
        Self {
            at: vec![Step::Key(table)],
            place: format!("[{table}]"),
            message: message.to_string(),
        }
    }
}

/// A configuration file as it was read.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

impl Source {
    /// With the file and the line.
    pub(super) fn locate(&self, misfit: Misfit) -> ConfigError {
        ConfigError::Invalid {
            path: self.path.clone(),
            line: self.line(&misfit.at).unwrap_or(1),
            place: misfit.place,
            message: misfit.message,
        }
    }

    /// The line on which a value begins, counted from 1; where it was left out, that of what it
    /// belongs to.
    fn line(&self, at: &[Step]) -> Option<usize> {
        let document = DeTable::parse(&self.text).ok()?;
        let (Step::Key(first), rest) = at.split_first()? else {
            return None;
        };
        let mut value = document.get_ref().get(*first)?;
        for step in rest {
            match child(value, *step) {
                Some(child) => value = child,
                None => break,
            }
        }
        let before = self.text.get(..value.span().start)?;
        Some(before.matches('\n').count() + 1)
    }
}

fn child<'a, 'i>(value: &'a Spanned<DeValue<'i>>, step: Step) -> Option<&'a Spanned<DeValue<'i>>> {
    match step {
        Step::Key(key) => value.get_ref().get(key),
        Step::Nth(index) => value.get_ref().get(index),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_line() {
        let text = "a = 1\n\n[listen]\napi = [\n 1,\n]\n\n[[profile]]\nname = 'x'\n\n[[profile]]\nname = 'y'\n[profile.certificate]\nsubject = []\n[[profile.rule]]\nname = 'r'\n";
        let source = Source {
            path: PathBuf::from("vaca.toml"),
            text: text.to_owned(),
        };
        let profile = [Step::Key("profile"), Step::Nth(1)];
        let lines = [
            (vec![Step::Key("a")], 1),
            (vec![Step::Key("listen")], 3),
            (vec![Step::Key("listen"), Step::Key("api")], 4),
            (vec![Step::Key("listen"), Step::Key("pki")], 3),
            (profile.to_vec(), 11),
            ([&profile[..], &[Step::Key("name")]].concat(), 12),
            ([&profile[..], &[Step::Key("allow")]].concat(), 11),
            (
                [
                    &profile[..],
                    &[Step::Key("certificate"), Step::Key("subject")],
                ]
                .concat(),
                14,
            ),
            (
                [
                    &profile[..],
                    &[Step::Key("certificate"), Step::Key("policies")],
                ]
                .concat(),
                13,
            ),
            (
                [
                    &profile[..],
                    &[Step::Key("rule"), Step::Nth(0), Step::Key("name")],
                ]
                .concat(),
                16,
            ),
        ];
        for (at, line) in lines {
            assert_eq!(source.line(&at), Some(line), "{at:?}");
        }
        assert_eq!(source.line(&[Step::Key("nothing")]), None);
    }
}
