//! PostgreSQL: a certificate in the place of a password.

use crate::relying_party::folder::Folder;
use crate::relying_party::refresh::{Layout, Refresh};
use crate::relying_party::{ConfigurationError, File, Kind, Site, fill};

const KIND: Kind = Kind::Postgresql;
const RELOAD: &str = "systemctl reload postgresql, or SELECT pg_reload_conf().";
const STEPS: [&str; 2] = [
    "Let PostgreSQL read its key, and no more, because root runs what is in the folder: chgrp postgres server.key, chmod 640 server.key.",
    "Create the roles; restart PostgreSQL, once. A session that is open when its certificate is revoked stays: SELECT pg_terminate_backend(pid) FROM pg_stat_ssl WHERE client_dn LIKE '%CN=...%' ends it.",
];

pub(super) fn files(site: &Site) -> Result<Vec<File>, ConfigurationError> {
    let attribute = site.attribute(KIND)?;
    let mut folder = Folder::new(site, KIND, RELOAD);
    let settings = fill!("relying_party/postgresql/vaca.conf", site)?;
    let purpose = "What PostgreSQL asks of clients' certificates; a part of postgresql.conf.";
    folder.own("vaca.conf", purpose, &settings);
    let access = fill!("relying_party/postgresql/pg_hba.conf", site)?;
    folder.own("pg_hba.conf", "Who may come in, and how.", &access);
    let domain = site.domains.first().map_or("", String::as_str);
    let name = site.example_name();
    let roles = fill!(
        "relying_party/postgresql/pg_ident.conf", site,
        pattern: &'a str = &pattern(site, attribute, &format!("({})", site.name_pattern())),
        one: &'a str = &pattern(site, attribute, &name.replace(domain, &domain.replace('.', "\\."))),
        example: &'a str = &format!("{}{name}", site.prefix())
    )?;
    let purpose = "Which role the holder of a certificate may have.";
    folder.own("pg_ident.conf", purpose, &roles);
    folder.certificates();
    folder.refresh(Refresh {
        service: "PostgreSQL",
        layout: Layout::One,
        reload: " systemctl --no-block try-reload-or-restart postgresql.service",
    })?;
    let include = format!(
        "Add include '{}/vaca.conf' to the end of postgresql.conf. Where you have a pg_hba.conf and a pg_ident.conf that stay, leave out the last two lines of vaca.conf and add the lines to them, those of pg_hba.conf before all others for the same addresses.",
        site.place.folder
    );
    let [give, begin] = STEPS;
    folder.install(
        "PostgreSQL takes a certificate of the profile in the place of a password.",
        &[give, &include, begin],
    )
}

/// The whole subject, in which this attribute is called so and the unit is the profile's.
fn pattern(site: &Site, attribute: &str, name: &str) -> String {
    let unit = site.unit();
    format!("/^(?:.*,)?{attribute}={name}(?:,.*)?,OU={unit}$")
}
