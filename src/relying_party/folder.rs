//! The folder of a server: its own files, the certificates, the refresh, and how to put them in place.

use crate::relying_party::file::About;
use crate::relying_party::refresh::{self, Refresh};
use crate::relying_party::{ConfigurationError, File, Kind, Revocation, Site, fill, status};

/// A folder that is being filled.
pub(super) struct Folder<'a> {
    pub(super) site: &'a Site,
    pub(super) kind: Kind,
    reload: &'a str,
    files: Vec<File>,
}

impl<'a> Folder<'a> {
    /// An empty one; `reload` makes a change of the server's own files take effect.
    pub(super) fn new(site: &'a Site, kind: Kind, reload: &'a str) -> Self {
        Self {
            site,
            kind,
            reload,
            files: Vec::new(),
        }
    }

    /// A file of the server's own, with comments behind `#`.
    pub(super) fn file(&self, name: &str, purpose: &str, text: &str) -> File {
        let about = About {
            purpose,
            reload: self.reload,
        };
        File::new(name, "#", &about, self.site, text)
    }

    /// Adds a file.
    pub(super) fn push(&mut self, file: File) {
        self.files.push(file);
    }

    /// Adds a file of the server's own.
    pub(super) fn own(&mut self, name: &str, purpose: &str, text: &str) {
        self.push(self.file(name, purpose, text));
    }

    /// Root and issuing certificate.
    pub(super) fn certificates(&mut self) {
        let (root, issuing) = (&self.site.root.pem, &self.site.issuing.pem);
        self.own("root.pem", "The root: whom this server trusts.", root);
        let purpose = "The issuing CA: it signs the certificates and their revocation list.";
        self.own("issuing.pem", purpose, issuing);
    }

    /// What keeps the lists fresh.
    pub(super) fn refresh(&mut self, refresh: Refresh<'_>) -> Result<(), ConfigurationError> {
        refresh::add(self, refresh)
    }

    /// Ends with how to put the files in place: `purpose` in a sentence, and the server's own steps behind
    /// those that every server has.
    pub(super) fn install(
        self,
        purpose: &str,
        own: &[&str],
    ) -> Result<Vec<File>, ConfigurationError> {
        let mut steps = vec![
            "Put the server's own certificate, with the chain behind it, and its key there as server.crt and server.key. They come from a CA that the clients trust for servers, never from vaca.".to_owned(),
        ];
        steps.extend(status::steps(self.site));
        steps.extend(self.refresh_steps());
        steps.extend(own.iter().map(ToString::to_string));
        self.install_by(purpose, &steps)
    }

    /// How the refresh is put in place, where there is one.
    pub(super) fn refresh_steps(&self) -> Vec<String> {
        let (folder, unit) = (&self.site.place.folder, self.site.unit_name(self.kind));
        if !self.files.iter().any(|file| file.name == "refresh") {
            return Vec::new();
        }
        let lists = match self.site.place.revocation {
            Revocation::Lists | Revocation::Status => {
                "it fetches the revocation lists, without which nobody is let in"
            }
            Revocation::Ocsp | Revocation::Gate => {
                "it puts the trusted certificates where they are looked for"
            }
        };
        vec![
            format!("Run {folder}/refresh once: {lists}."),
            format!(
                "Copy {unit}.service and {unit}.timer to /etc/systemd/system; then systemctl daemon-reload and systemctl enable --now {unit}.timer."
            ),
        ]
    }

    /// Ends with these steps alone.
    pub(super) fn install_by(
        mut self,
        purpose: &str,
        steps: &[String],
    ) -> Result<Vec<File>, ConfigurationError> {
        let text = fill!(
            "relying_party/refresh/install.txt", self.site,
            purpose: &'a str = purpose,
            steps: &'a [String] = steps,
            asks_for_policies: bool = self.kind.asks_for_policies()
        )?;
        let about = About {
            purpose: "How to put these files in place.",
            reload: "nobody reads it but you.",
        };
        self.push(File::new("INSTALL", "#", &about, self.site, &text));
        Ok(self.files)
    }
}
