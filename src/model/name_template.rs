//! A name with holes, such as `{email}`: what a profile writes, filled in for each holder.

use std::borrow::Cow;

use crate::model::facts::Facts;
use crate::model::identity::{KeyScope, local_part};

/// A verified value that a template may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// The user's whole address.
    Email,
    /// What stands before its `@`.
    LocalPart,
    /// The address's domain, or the one in which the device is enrolled.
    Domain,
    /// The managing organisation, as Google calls it.
    CustomerId,
    /// Directory API device id.
    DevicePermanentId,
    /// Virtual device id.
    VirtualDeviceId,
    /// The manufacturer's number of the device, from enrichment.
    DeviceSerialNumber,
    /// The organisation's own number of the device, from enrichment.
    AssetId,
    /// Where the holder stands in the organisation, from enrichment.
    OrganizationalUnit,
}

impl Variable {
    /// All of them, as `docs/profiles.md` lists them.
    pub const ALL: [Self; 9] = [
        Self::Email,
        Self::LocalPart,
        Self::Domain,
        Self::CustomerId,
        Self::DevicePermanentId,
        Self::VirtualDeviceId,
        Self::DeviceSerialNumber,
        Self::AssetId,
        Self::OrganizationalUnit,
    ];

    /// What a template calls it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::LocalPart => "local_part",
            Self::Domain => "domain",
            Self::CustomerId => "customer_id",
            Self::DevicePermanentId => "device_permanent_id",
            Self::VirtualDeviceId => "virtual_device_id",
            Self::DeviceSerialNumber => "device_serial_number",
            Self::AssetId => "asset_id",
            Self::OrganizationalUnit => "organizational_unit",
        }
    }

    /// The scope whose profiles know it; `None` for both.
    fn scope(self) -> Option<KeyScope> {
        match self {
            Self::Email | Self::LocalPart => Some(KeyScope::User),
            Self::DevicePermanentId | Self::DeviceSerialNumber | Self::AssetId => {
                Some(KeyScope::Machine)
            }
            _ => None,
        }
    }

    fn value(self, facts: &Facts) -> Option<&str> {
        let email = facts.email.as_deref();
        match self {
            Self::Email => email,
            Self::LocalPart => email.map(local_part),
            Self::Domain => Some(&facts.domain),
            Self::CustomerId => facts.customer_id.as_deref(),
            Self::DevicePermanentId => facts.device_permanent_id.as_deref(),
            Self::VirtualDeviceId => facts.virtual_device_id.as_deref(),
            Self::DeviceSerialNumber => facts.device_serial_number.as_deref(),
            Self::AssetId => facts.asset_id.as_deref(),
            Self::OrganizationalUnit => facts.organizational_unit.as_deref(),
        }
    }
}

/// Why a template does not load.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    /// A brace without its other half, or within another one.
    #[error("braces stand around a variable and nowhere else")]
    Braces,
    /// No such variable.
    #[error("{{{0}}} is no variable; variables are {known}", known = known())]
    Unknown(String),
    /// One that a profile of this scope never knows.
    #[error("no {scope} profile ever knows {{{name}}}", name = variable.as_str())]
    OtherScope {
        /// The variable.
        variable: Variable,
        /// The profile's.
        scope: KeyScope,
    },
}

fn known() -> String {
    Variable::ALL.map(Variable::as_str).join(", ")
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// As the administrator wrote it.
    Text(String),
    /// To be filled in.
    Value(Variable),
}

/// A template that was checked when the configuration was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameTemplate(Vec<Part>);

impl NameTemplate {
    /// Reads text with variables in braces. A brace cannot stand for itself.
    ///
    /// # Errors
    /// [`InvalidTemplate`].
    pub fn parse(text: &str, scope: KeyScope) -> Result<Self, InvalidTemplate> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').ok_or(InvalidTemplate::Braces)?;
            if before.contains('}') || name.contains('{') {
                return Err(InvalidTemplate::Braces);
            }
            let variable = Variable::ALL
                .into_iter()
                .find(|variable| variable.as_str() == name)
                .ok_or_else(|| InvalidTemplate::Unknown(name.to_owned()))?;
            if variable.scope().is_some_and(|of| of != scope) {
                return Err(InvalidTemplate::OtherScope { variable, scope });
            }
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Value(variable));
            rest = behind;
        }
        if rest.contains('}') {
            return Err(InvalidTemplate::Braces);
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// Its pieces, in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The variables that it names.
    pub fn variables(&self) -> impl Iterator<Item = Variable> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Value(variable) => Some(*variable),
        })
    }

    /// Fills it in; `write` says how a value is written where this name stands, or refuses it.
    ///
    /// # Errors
    /// [`Unfilled`].
    pub fn fill(
        &self,
        facts: &Facts,
        write: impl for<'a> Fn(Variable, &'a str) -> Option<Cow<'a, str>>,
    ) -> Result<String, Unfilled> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Value(variable) => {
                    let value = variable.value(facts).ok_or(Unfilled::Unknown(*variable))?;
                    filled.push_str(&write(*variable, value).ok_or(Unfilled::Refused(*variable))?);
                }
            }
        }
        Ok(filled)
    }
}

/// Why a template could not be filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfilled {
    /// The value is not known.
    #[error("{} is not known", .0.as_str())]
    Unknown(Variable),
    /// The value cannot stand there.
    #[error("{} cannot stand there", .0.as_str())]
    Refused(Variable),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;

    #[test]
    fn variables_stand_in_braces() {
        let template = NameTemplate::parse("{local_part}@ad.{domain}", KeyScope::User).unwrap();
        assert_eq!(
            template.parts(),
            [
                Part::Value(Variable::LocalPart),
                Part::Text("@ad.".to_owned()),
                Part::Value(Variable::Domain),
            ]
        );
    }

    #[test]
    fn what_is_no_template_is_told_so() {
        for text in ["{", "}", "{email", "email}", "{{email}}", "a}{email}"] {
            let refused = NameTemplate::parse(text, KeyScope::User).unwrap_err();
            let braces = matches!(
                refused,
                InvalidTemplate::Braces | InvalidTemplate::Unknown(_)
            );
            assert!(braces, "{text}: {refused}");
        }
        let refused = NameTemplate::parse("{name}", KeyScope::User).unwrap_err();
        assert!(
            refused
                .to_string()
                .starts_with("{name} is no variable; variables are email, ")
        );
        let refused = NameTemplate::parse("{email}", KeyScope::Machine).unwrap_err();
        assert_eq!(refused.to_string(), "no machine profile ever knows {email}");
    }
}
