//! Certificates that the CA would never sign: made with its key by openssl, or by another CA of the same
//! name.

use std::path::Path;

use crate::support::openssl::openssl;

/// What a forged certificate says.
pub(super) struct Forged<'a> {
    pub(super) unit: &'a str,
    pub(super) common_name: &'a str,
    /// Such as `email:alice@example.com`.
    pub(super) alternative_name: &'a str,
    pub(super) usage: &'a str,
    pub(super) policy: &'a str,
    /// In openssl's form, `YYYYMMDDHHMMSSZ`.
    pub(super) ends: &'a str,
    /// Its number, hexadecimal; a random one where it is empty.
    pub(super) serial: &'a str,
}

/// A CA as openssl has one.
pub(super) struct OpensslCa<'a> {
    /// Its folder, in which openssl keeps its own.
    pub(super) folder: &'a Path,
    pub(super) certificate: &'a str,
    pub(super) key: &'a str,
}

impl OpensslCa<'_> {
    fn configure(&self, extensions: &str, serial: &str) {
        let Self {
            certificate, key, ..
        } = self;
        std::fs::write(self.folder.join("serial"), format!("{serial}\n")).unwrap();
        let numbers = match serial {
            "" => "rand_serial = yes",
            _ => "serial = serial",
        };
        let text = format!(
            "[ca]\ndefault_ca = it\n[it]\ndatabase = index.txt\ncrlnumber = crlnumber\n{numbers}\n\
             new_certs_dir = .\ncertificate = {certificate}\nprivate_key = {key}\ndefault_md = sha256\n\
             policy = any\nunique_subject = no\nemail_in_dn = no\n[any]\norganizationalUnitName = optional\n\
             commonName = optional\n[client]\n{extensions}\n[list]\nauthorityKeyIdentifier = keyid:always\n"
        );
        std::fs::write(self.folder.join("openssl.cnf"), text).unwrap();
    }

    async fn run(&self, arguments: &[&str]) {
        let common = ["ca", "-batch", "-config", "openssl.cnf"];
        openssl(&[&common[..], arguments].concat(), self.folder).await;
    }

    /// Signs it for this key; answers the certificate.
    pub(super) async fn certify(&self, forged: &Forged<'_>, key: &Path) -> String {
        let Forged {
            alternative_name,
            usage,
            policy,
            ..
        } = forged;
        let extensions = format!(
            "basicConstraints = critical,CA:FALSE\nkeyUsage = critical,digitalSignature\n\
             extendedKeyUsage = {usage}\nsubjectAltName = {alternative_name}\n\
             certificatePolicies = {policy}\nsubjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid:always\n"
        );
        self.configure(&extensions, forged.serial);
        std::fs::write(self.folder.join("index.txt"), "").unwrap();
        let subject = format!("/OU={}/CN={}", forged.unit, forged.common_name);
        let key = key.to_str().unwrap();
        openssl(
            &[
                "req",
                "-new",
                "-utf8",
                "-key",
                key,
                "-subj",
                &subject,
                "-out",
                "request.pem",
            ],
            self.folder,
        )
        .await;
        self.run(&[
            "-in",
            "request.pem",
            "-notext",
            "-out",
            "forged.pem",
            "-extensions",
            "client",
            "-preserveDN",
            "-startdate",
            "20200101000000Z",
            "-enddate",
            forged.ends,
        ])
        .await;
        std::fs::read_to_string(self.folder.join("forged.pem")).unwrap()
    }

    /// A list in which nobody stands, DER; `life` says how long it is good, in options of `openssl ca`.
    pub(super) async fn list(&self, number: u64, life: &[&str]) -> Vec<u8> {
        self.configure("", "");
        std::fs::write(self.folder.join("index.txt"), "").unwrap();
        std::fs::write(self.folder.join("crlnumber"), format!("{number:0>4X}\n")).unwrap();
        let common = ["-gencrl", "-out", "list.pem", "-crlexts", "list"];
        self.run(&[&common[..], life].concat()).await;
        openssl(
            &[
                "crl", "-in", "list.pem", "-outform", "DER", "-out", "list.der",
            ],
            self.folder,
        )
        .await;
        std::fs::read(self.folder.join("list.der")).unwrap()
    }
}
