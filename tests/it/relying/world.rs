//! A CA on the machine's own clock, holders of certificates good and bad, and a server's certificate from
//! elsewhere.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use der::pem::{LineEnding, encode_string};
use tempfile::TempDir;
use vaca::ca::Authority;
use vaca::clock::{Clock as _, SystemClock};
use vaca::model::serial::SerialNumber;
use vaca_emulator::{KeyAlgorithm, Scope};

use super::daemon::{command, free_port};
use super::forge::{Forged, OpensslCa};
use super::front::NAME;
use super::publication::Publication;
use crate::support::openssl::{openssl, said};
use crate::support::service::VACA;
use crate::support::{ALICE, Answer, TestCa, eventually, http_client};

/// The name in the servers' certificate.
pub(super) const HOST: &str = "host.example.com";
/// How far the CA's clock is behind the machine's, in seconds, and longer than a revocation waits for
/// others.
const BEHIND: i64 = 600;
const SOON: i64 = 6;
/// How long a list is good, as `openssl ca` is told.
const A_WEEK: [&str; 2] = ["-crldays", "7"];
const USER_POLICY: &str = "1.3.6.1.4.1.32473.1.1";
const OTHER_POLICY: &str = "1.3.6.1.4.1.32473.1.2";
const DEVICE_POLICY: &str = "1.3.6.1.4.1.32473.1.3";
/// What relying parties that ask are told of devices.
const ATTRIBUTES: &str = "[profile.attributes]\nTunnel-Type = \"VLAN\"\nTunnel-Medium-Type = \"IEEE-802\"\nTunnel-Private-Group-Id = \"20\"\n\n";

/// Whoever shows a certificate.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    /// A file with the certificate and its issuer's.
    pub(super) chain: PathBuf,
    /// A file with the certificate alone.
    pub(super) leaf: PathBuf,
    pub(super) key: PathBuf,
    pub(super) serial: String,
    /// What relying parties call it.
    pub(super) identity: String,
}

impl Holder {
    /// What programs call it that read no URI: the address, or the device's common name.
    pub(super) fn called(&self) -> &str {
        self.identity.rsplit('/').next().unwrap()
    }
}

/// A CA, and whoever relies on it.
pub(super) struct World {
    pub(super) ca: TestCa,
    pub(super) publication: Publication,
    /// What holders and servers have; readable for all.
    pub(super) folder: TempDir,
    /// Of openssl's work with the CA's key; readable for nobody.
    desk: TempDir,
}

fn configure(text: &str, port: u16) -> String {
    let policy = |policy: &str| format!("[profile.certificate]\npolicies = [\"{policy}\"]\n\n");
    let before = |text: &str, name: &str, table: &str| {
        let head = format!("[[profile]]\nname = \"{name}\"");
        assert!(text.contains(&head), "{head}");
        text.replace(&head, &format!("{table}{head}"))
    };
    let text = before(text, "vpn-user", &policy(USER_POLICY));
    let text = before(&text, "wifi-device", &policy(OTHER_POLICY));
    let device = policy(DEVICE_POLICY) + ATTRIBUTES;
    let text = before(&text, "lab-device", &device);
    let any = "pki = \"127.0.0.1:0\"";
    assert!(text.contains(any));
    let pki = format!("pki = \"127.0.0.1:{port}\"\npki_base_url = \"http://127.0.0.1:{port}\"");
    text.replace(any, &pki)
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(|text| text).await
    }

    /// The same with a configuration of a test's own.
    pub(super) async fn with(own: impl Fn(String) -> String) -> Self {
        // Its clock stands still but for the moments that revocations wait for; it is behind the
        // machine's, so that no list is of the future.
        let then = SystemClock::new().now().minus(BEHIND);
        let port = free_port();
        let mut ca = TestCa::make_at(then, |text| own(configure(&text, port))).await;
        ca.serve().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let world = Self {
            ca,
            publication: Publication::start().await,
            folder,
            desk: tempfile::tempdir().unwrap(),
        };
        world.take_key().await;
        world.server_certificate().await;
        world
    }

    /// A CA's certificate, as the service has it.
    pub(super) fn authority(&self, file: &str) -> Authority {
        let pem = std::fs::read(self.ca.folder.path().join(file)).unwrap();
        Authority::from_pem(&pem).unwrap()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn server_certificate(&self) {
        let folder = self.folder.path();
        let ca = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=Servers -keyout server-ca.key -out server-ca.crt";
        openssl(&ca.split(' ').collect::<Vec<_>>(), folder).await;
        let extensions = format!(
            "subjectAltName=DNS:{HOST},DNS:{NAME},IP:127.0.0.1\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n"
        );
        std::fs::write(self.path("server.cnf"), extensions).unwrap();
        let request = format!(
            "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={HOST} -keyout server.key -out server.csr"
        );
        openssl(&request.split(' ').collect::<Vec<_>>(), folder).await;
        let sign = "x509 -req -in server.csr -CA server-ca.crt -CAkey server-ca.key -CAcreateserial -days 30 -extfile server.cnf -out server.crt";
        openssl(&sign.split(' ').collect::<Vec<_>>(), folder).await;
    }

    fn write(&self, name: &str, leaf: &str, chain: &str, key: &str) -> Holder {
        let file = |kind: &str, text: &str| {
            let path = self.path(&format!("{name}.{kind}.pem"));
            std::fs::write(&path, text).unwrap();
            path
        };
        Holder {
            chain: file("chain", &format!("{leaf}{chain}")),
            leaf: file("leaf", leaf),
            key: file("key", key),
            serial: String::new(),
            identity: String::new(),
        }
    }

    fn issued(&self, name: &str, answer: &Answer, pkcs8: &[u8]) -> Holder {
        let member = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let chain = answer.issued().json["chain"].as_array().unwrap();
        let chain: String = chain.iter().map(member).collect();
        let key = encode_string("PRIVATE KEY", LineEnding::LF, pkcs8).unwrap();
        let leaf = member(&answer.json["certificate"]);
        Holder {
            serial: member(&answer.json["serial_number"]),
            ..self.write(name, &leaf, &chain, &key)
        }
    }

    /// A user, whose Chromebook gets a certificate of this profile.
    pub(super) async fn user(&self, profile: &str, key: KeyAlgorithm) -> Holder {
        let mut chromebook = self.ca.chromebook(ALICE).await;
        let response = self
            .ca
            .response(&mut chromebook, profile, Scope::User, key)
            .await;
        let answer = self.ca.present(&response, profile, Some(ALICE)).await;
        let pkcs8 = chromebook.registered_key_pkcs8().unwrap();
        let name = format!("user-{}", chromebook.device_permanent_id());
        Holder {
            identity: ALICE.to_owned(),
            ..self.issued(&name, &answer, pkcs8)
        }
    }

    /// A device with a certificate.
    pub(super) async fn device(&self, key: KeyAlgorithm) -> Holder {
        let mut chromebook = self.ca.chromebook(ALICE).await;
        let answer = self.ca.enroll_device(&mut chromebook, key).await;
        let pkcs8 = chromebook.registered_key_pkcs8().unwrap();
        let id = chromebook.device_permanent_id();
        Holder {
            identity: format!("https://example.com/device/{id}"),
            ..self.issued(&format!("device-{id}"), &answer, pkcs8)
        }
    }

    /// One of the user's profile, but for what `change` changes, signed with the CA's own key.
    pub(super) async fn forged<'a>(
        &self,
        name: &str,
        change: impl FnOnce(Forged<'a>) -> Forged<'a>,
    ) -> Holder {
        let chain = std::fs::read_to_string(self.desk.path().join("ca.crt")).unwrap();
        self.forge(&self.desk(), &chain, name, change).await
    }

    /// One of the user's profile from a CA that has the same names, and other keys.
    pub(super) async fn of_a_stranger(&self) -> Holder {
        let desk = stranger().await;
        let chain = std::fs::read_to_string(desk.path().join("ca.crt")).unwrap();
        self.forge(&as_ca(&desk), &chain, "stranger", |same| same)
            .await
    }

    /// A list of such a CA's.
    pub(super) async fn of_a_stranger_list(&self) -> Vec<u8> {
        let desk = stranger().await;
        as_ca(&desk).list(0x1000, &A_WEEK).await
    }

    async fn forge<'a>(
        &self,
        ca: &OpensslCa<'_>,
        chain: &str,
        name: &str,
        change: impl FnOnce(Forged<'a>) -> Forged<'a>,
    ) -> Holder {
        let key = self.path(&format!("{name}.forged.key"));
        let make = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out";
        let mut make: Vec<_> = make.split(' ').collect();
        make.push(key.to_str().unwrap());
        openssl(&make, self.folder.path()).await;
        let forged = change(Forged {
            unit: "vaca user",
            common_name: ALICE,
            alternative_name: "email:alice@example.com",
            usage: "clientAuth",
            policy: USER_POLICY,
            ends: "20400101000000Z",
            serial: "",
        });
        let leaf = ca.certify(&forged, &key).await;
        let key = std::fs::read_to_string(&key).unwrap();
        Holder {
            identity: forged.common_name.to_owned(),
            ..self.write(name, &leaf, chain, &key)
        }
    }

    /// The CA's own key in openssl's hands.
    fn desk(&self) -> OpensslCa<'_> {
        OpensslCa {
            folder: self.desk.path(),
            certificate: "ca.crt",
            key: "ca.key",
        }
    }

    /// Deciphering it takes its time, and once is enough.
    async fn take_key(&self) {
        let issuing = self.ca.folder.path().join("issuing");
        let file = |name: &str| issuing.join(name).display().to_string();
        let passphrase = format!("file:{}", file("passphrase"));
        let key = file("issuing.key");
        let decipher = [
            "pkey",
            "-in",
            &key,
            "-passin",
            &passphrase,
            "-out",
            "ca.key",
        ];
        openssl(&decipher, self.desk.path()).await;
        std::fs::copy(file("issuing.crt"), self.desk.path().join("ca.crt")).unwrap();
    }

    /// A list of the issuing CA's with this number, of openssl's making; nobody stands in it.
    pub(super) async fn list(&self, number: u64) -> Vec<u8> {
        self.desk().list(number, &A_WEEK).await
    }

    /// One that ends so many seconds from now.
    pub(super) async fn ending_list(&self, number: u64, seconds: u32) -> Vec<u8> {
        let seconds = seconds.to_string();
        self.desk().list(number, &["-crlsec", &seconds]).await
    }

    /// One that ended long ago.
    pub(super) async fn ended_list(&self, number: u64) -> Vec<u8> {
        let life = [
            "-crl_lastupdate",
            "20250101000000Z",
            "-crl_nextupdate",
            "20250108000000Z",
        ];
        self.desk().list(number, &life).await
    }

    /// In the place of a folder's lists: the root's, and one of the issuing CA's that ended.
    pub(super) async fn put_ended_list(&self, folder: &Path) {
        let root = std::fs::read_to_string(folder.join("crls/root.pem")).unwrap();
        let ended = self.ended_list(0x7fff_ffff).await;
        let ended = encode_string("X509 CRL", LineEnding::LF, &ended).unwrap();
        std::fs::write(folder.join("crl.pem"), root + &ended).unwrap();
    }

    /// What paths call the issuing CA.
    pub(super) fn issuer(&self) -> String {
        let issuing = self.authority("issuing/issuing.crt");
        issuing.issuer_id().to_string()
    }

    /// The path of the issuing CA's list.
    pub(super) fn list_path(&self) -> String {
        format!("/crl/{}.crl", self.issuer())
    }

    /// What the CA answers under this path.
    pub(super) async fn fetch(&self, path: &str) -> Vec<u8> {
        let request = http_client(|builder| builder).get(format!("{}{path}", self.ca.pki));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.bytes().await.unwrap().to_vec()
    }

    /// The lists of both levels as the CA publishes them, from the place that a test chooses from.
    pub(super) async fn mirror(&self) {
        let root = self.authority("root.crt").issuer_id();
        for path in [format!("/crl/{root}.crl"), self.list_path()] {
            self.publication.put(&path, self.fetch(&path).await);
        }
    }

    /// It is revoked, and no list says so yet.
    pub(super) async fn revoke_at_once(&self, holder: &Holder) {
        let condition = format!("serial = '{}'", holder.serial);
        self.ca.revoke_where(&condition).await;
    }

    /// It is revoked; waits until the CA's list says so.
    pub(super) async fn revoke(&self, holder: &Holder) {
        self.revoke_at_once(holder).await;
        self.ca.clock.advance(SOON);
        let serial = SerialNumber::parse(&holder.serial).unwrap();
        let path = self.list_path();
        let number = serial.as_bytes();
        eventually("the list says so", || async {
            let list = self.fetch(&path).await;
            list.windows(number.len()).any(|octets| octets == number)
        })
        .await;
    }

    /// Runs the command line as an administrator does; answers what the files of this kind are in.
    pub(super) async fn generate(&self, kind: &str, profile: &str, options: &[&str]) -> PathBuf {
        let folder = self.path(&format!(
            "{kind}-{profile}-{}",
            options
                .join("")
                .replace(|letter: char| !letter.is_ascii_alphanumeric(), "")
        ));
        let written = self.config(kind, profile, &folder, options).await;
        assert!(written.status.success(), "{}", said(&written));
        for name in ["server.crt", "server.key"] {
            std::fs::copy(self.path(name), folder.join(name)).unwrap();
        }
        folder
    }

    /// The same, whatever becomes of it.
    pub(super) async fn config(
        &self,
        kind: &str,
        profile: &str,
        folder: &Path,
        options: &[&str],
    ) -> Output {
        let mut vaca = command(VACA);
        vaca.arg("--config").arg(self.ca.configuration_file());
        vaca.args(["relying-party", "config", kind, "--profile", profile]);
        vaca.args(["--server", HOST, "--out"]);
        vaca.arg(folder).args(options);
        output(vaca).await
    }

    /// Runs the generated refresh of a folder, with what it is to run when lists have changed.
    pub(super) async fn refresh(&self, folder: &Path, reload: &[&str]) -> Output {
        let mut refresh = command(folder.join("refresh").to_str().unwrap());
        refresh.args(reload);
        output(refresh).await
    }

    /// The same, where it has to go well.
    pub(super) async fn refreshed(&self, folder: &Path, reload: &[&str]) {
        let output = self.refresh(folder, reload).await;
        assert!(output.status.success(), "{}", said(&output));
    }
}

/// Lets the members of a group, as which a program runs, read these files of a folder.
pub(super) async fn let_read(group: &str, folder: &Path, names: &[&str]) {
    for (program, argument) in [("chgrp", group), ("chmod", "640")] {
        let mut change = command(program);
        change.arg(argument).args(names).current_dir(folder);
        let changed = output(change).await;
        assert!(changed.status.success(), "{}", said(&changed));
    }
}

/// Runs a command away from the test's own thread, on which the CA answers.
pub(super) async fn output(mut command: std::process::Command) -> Output {
    let name = format!("{command:?}");
    let ran = tokio::task::spawn_blocking(move || command.output()).await;
    ran.unwrap()
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Another CA of the same name.
async fn stranger() -> TempDir {
    let desk = tempfile::tempdir().unwrap();
    let make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -keyout ca.key -out ca.crt -subj";
    let mut make: Vec<_> = make.split(' ').collect();
    make.push("/O=Example/OU=vaca test issuer, not for production/CN=Example Issuing CA");
    openssl(&make, desk.path()).await;
    desk
}

fn as_ca(desk: &TempDir) -> OpensslCa<'_> {
    OpensslCa {
        folder: desk.path(),
        certificate: "ca.crt",
        key: "ca.key",
    }
}
