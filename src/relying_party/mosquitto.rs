//! mosquitto, a broker of MQTT.

use crate::relying_party::folder::Folder;
use crate::relying_party::refresh::{Layout, Refresh};
use crate::relying_party::{ConfigurationError, File, Kind, Site, fill};

const KIND: Kind = Kind::Mosquitto;
const RELOAD: &str = "systemctl reload mosquitto, which reads lists and acl again.";
const STEPS: [&str; 3] = [
    "Let mosquitto read its key, and no more, because root runs what is in the folder: chgrp mosquitto server.key, chmod 640 server.key.",
    "In acl, write down who may do what; until then nobody may do anything.",
    "Link mosquitto.conf into /etc/mosquitto/conf.d; then systemctl restart mosquitto. A restart, in the place of the reload in the refresh's unit, also ends the connections of those who were revoked, and everybody else's for a moment.",
];

pub(super) fn files(site: &Site) -> Result<Vec<File>, ConfigurationError> {
    site.attribute(KIND)?;
    let mut folder = Folder::new(site, KIND, RELOAD);
    let broker = fill!("relying_party/mosquitto/mosquitto.conf", site)?;
    let purpose = "A listener for those who have a certificate of the CA.";
    folder.own("mosquitto.conf", purpose, &broker);
    let acl = fill!(
        "relying_party/mosquitto/acl", site,
        example: &'a str = &example(site)
    )?;
    let purpose = "Who may read and write what. Not made again.";
    folder.push(folder.file("acl", purpose, &acl).once());
    folder.certificates();
    folder.refresh(Refresh {
        service: "mosquitto",
        layout: Layout::One,
        reload: " systemctl --no-block try-reload-or-restart mosquitto.service",
    })?;
    folder.install(
        "mosquitto lets in who has a certificate of the CA, and its acl says what for.",
        &STEPS,
    )
}

/// A subject of the profile's, as mosquitto writes it.
fn example(site: &Site) -> String {
    let attributes = site.subject.iter().rev();
    let values = attributes.map(|(attribute, value)| {
        let holder = site.identity.attribute == Some(*attribute);
        let value = match value.as_str() {
            "*" if holder => site.example_name(),
            "*" => "...".to_owned(),
            value => escaped(value),
        };
        format!("{attribute}={value}")
    });
    values.collect::<Vec<_>>().join(",")
}

/// RFC 2253, section 2.4, of text that has no blank at either end.
fn escaped(value: &str) -> String {
    let letters = value.char_indices();
    let letters = letters.map(|(place, letter)| {
        let special = ",+\"\\<>;".contains(letter) || place == 0 && letter == '#';
        if special {
            format!("\\{letter}")
        } else {
            letter.to_string()
        }
    });
    letters.collect()
}
