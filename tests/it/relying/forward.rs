//! Forward authentication with real proxies: the configurations of `docs/forward-authentication.md`, as
//! they stand there, and what a proxy lets through that was set up otherwise.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use vaca::access::issue::TokenOrder;
use vaca::model::certificate_header::CertificateHeader;
use vaca::model::role::Role;
use vaca_emulator::KeyAlgorithm;

use super::curl::{Credentials, answer, curl};
use super::daemon::{ENVOY as ENVOY_SERVER, command, free_port};
use super::forge::Forged;
use super::https::Application;
use super::world::HOST;
use super::{Daemon, Holder, Row, World, cases};
use crate::gates::in_form;
use crate::support::eventually;
use crate::support::openssl::{openssl, said};

const GATES: &str = r#"
[[gate]]
name = "intranet"
profiles = ["wifi-user"]
domains = ["example.com"]

[[gate]]
name = "kiosks"
profiles = ["wifi-device"]
"#;

/// A proxy as the document sets it up.
struct Proxy {
    heading: &'static str,
    header: CertificateHeader,
    /// The language of each block, and the file that it becomes.
    files: &'static [(&'static str, &'static str)],
    start: &'static [&'static str],
    /// In which field the application is told who it is.
    identity: &'static str,
}

const NGINX: Proxy = Proxy {
    heading: "nginx",
    header: CertificateHeader::XSslClientCert,
    files: &[("nginx", "site.conf")],
    start: &["nginx", "-c", "FOLDER/nginx.conf", "-g", "daemon off;"],
    identity: "x-vaca-identity",
};
const ENVOY: Proxy = Proxy {
    heading: "Envoy",
    header: CertificateHeader::XForwardedClientCert,
    files: &[("yaml", "envoy.yaml")],
    start: &[
        "ENVOY",
        "--disable-hot-restart",
        "--concurrency",
        "1",
        "-c",
        "FOLDER/envoy.yaml",
    ],
    identity: "vaca-email",
};
const HAPROXY: Proxy = Proxy {
    heading: "HAProxy",
    header: CertificateHeader::ClientCert,
    files: &[("haproxy", "haproxy.cfg"), ("lua", "vaca.lua")],
    start: &["haproxy", "-W", "-f", "FOLDER/haproxy.cfg"],
    identity: "x-vaca-identity",
};
const CADDY: Proxy = Proxy {
    heading: "Caddy",
    header: CertificateHeader::ClientCert,
    files: &[("caddy", "Caddyfile")],
    start: &[
        "caddy",
        "run",
        "--adapter",
        "caddyfile",
        "--config",
        "FOLDER/Caddyfile",
    ],
    identity: "x-vaca-identity",
};

/// The first block in this language below a heading of the document.
fn block(heading: &str, language: &str) -> String {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/forward-authentication.md");
    let document = std::fs::read_to_string(document).unwrap();
    let (_, section) = document.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let (_, block) = section.split_once(&format!("```{language}\n")).unwrap();
    block.split("```").next().unwrap().to_owned()
}

/// vaca, whose admin listener speaks TLS as `localhost`, and everybody who asks.
struct Site {
    world: World,
    /// With the admin listener's certificate.
    _admin: TempDir,
    alice: Holder,
    device: Holder,
    later: Holder,
    /// Signed with the CA's key, with a good certificate's number; nobody meant to.
    forged: Holder,
    stranger: Holder,
}

impl Site {
    async fn new() -> Self {
        let admin = tempfile::tempdir().unwrap();
        let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=admin -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE -keyout admin.key -out admin.crt";
        openssl(&request.split(' ').collect::<Vec<_>>(), admin.path()).await;
        let file = |name: &str| admin.path().join(name).display().to_string();
        let table = format!(
            "[admin]\ntls_certificate_file = \"{}\"\ntls_key_file = \"{}\"\n\n[database]",
            file("admin.crt"),
            file("admin.key")
        );
        let world = World::with(|text| text.replace("[database]", &table) + GATES).await;
        std::fs::copy(file("admin.crt"), world.path("admin-ca.pem")).unwrap();
        let alice = world.user("wifi-user", KeyAlgorithm::Ecdsa).await;
        let serial = alice.serial.clone();
        let again = |forged| Forged {
            serial: &serial,
            ..forged
        };
        Self {
            device: world.device(KeyAlgorithm::Ecdsa).await,
            later: world.user("wifi-user", KeyAlgorithm::Rsa).await,
            forged: world.forged("again", again).await,
            stranger: world.of_a_stranger().await,
            alice,
            world,
            _admin: admin,
        }
    }

    async fn token(&self, header: CertificateHeader) -> String {
        let order = TokenOrder::new("proxy", Role::RelyingParty, None).unwrap();
        let order = order.for_proxy(header).unwrap();
        let issued = self.world.ca.issue_token(&order).await;
        issued.text().to_owned()
    }
}

/// A proxy that runs.
struct Running {
    proxy: &'static Proxy,
    daemon: Daemon,
    port: u16,
    /// The world's folder.
    world: PathBuf,
    _application: Application,
}

impl Running {
    /// As the document says, but for what `change` changes.
    async fn start(site: &Site, proxy: &'static Proxy, change: impl Fn(String) -> String) -> Self {
        let (application, port) = (Application::start().await, free_port());
        let folder = site.world.path(&format!("{}-{port}", proxy.heading));
        std::fs::create_dir(&folder).unwrap();
        let token = site.token(proxy.header).await;
        let write = |name: &str, text: &str| {
            std::fs::write(folder.join(name), text).unwrap();
            let mode = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(folder.join(name), mode).unwrap();
        };
        let copy = |from: &Path, to: &str| std::fs::copy(from, folder.join(to)).map(drop).unwrap();
        let own = |name: &str| site.world.path(name);
        copy(&site.world.ca.folder.path().join("root.crt"), "bundle.pem");
        copy(&site.world.ca.folder.path().join("root.crt"), "root.pem");
        for name in ["admin-ca.pem", "server.crt", "server.key"] {
            copy(&own(name), name);
        }
        let read = |name: &str| std::fs::read_to_string(own(name)).unwrap();
        write("server.pem", &(read("server.crt") + &read("server.key")));
        write("token", &token);
        let field = format!("proxy_set_header Authorization \"Bearer {token}\";\n");
        write("token.conf", &field);
        let admin = site.world.ca.admin.rsplit(':').next().unwrap().to_owned();
        for (language, name) in proxy.files {
            let text = change(block(proxy.heading, language));
            write(
                name,
                &placed(text, &folder, port, &admin, &application.address, &token),
            );
        }
        write(
            "nginx.conf",
            &format!(
                "pid {folder}/pid;\nerror_log stderr warn;\nevents {{}}\nhttp {{\naccess_log off;\ninclude {folder}/site.conf;\n}}\n",
                folder = folder.display()
            ),
        );
        let words = proxy.start.iter();
        let folder_name = folder.display().to_string();
        let mut words: Vec<_> = words
            .map(|word| word.replace("FOLDER", &folder_name))
            .collect();
        if words[0] == "ENVOY" {
            words[0] = ENVOY_SERVER.program("envoy").await.display().to_string();
        }
        let mut start = command(&words[0]);
        start.args(&words[1..]).env("VACA_TOKEN", &token);
        start.env("HOME", &folder);
        Self {
            proxy,
            daemon: Daemon::listening(&folder, &mut start, port).await,
            port,
            world: site.world.folder.path().to_owned(),
            _application: application,
        }
    }

    /// Status and body, status 0 where TLS fails.
    async fn ask(&self, holder: Option<&Holder>, path: &str, options: &[&str]) -> (u16, String) {
        let files = holder.map(|holder| [holder.chain.as_path(), &holder.key]);
        let credentials = files.as_ref().map_or(&[][..], |files| &files[..]);
        let mut curl = curl(&self.world, self.port, path, credentials);
        curl.arg("--path-as-is").args(options);
        answer(curl).await
    }

    /// As whom the application sees the holder; `None` where they do not get there.
    async fn sees(&self, holder: Option<&Holder>, path: &str, options: &[&str]) -> Option<String> {
        let (status, body) = self.ask(holder, path, options).await;
        if status != 200 {
            let closed = [0, 400, 401, 403, 500, 502, 503];
            assert!(
                closed.contains(&status),
                "{status}: {body}: {}",
                self.daemon.log()
            );
            return None;
        }
        let field = format!("{}: ", self.proxy.identity);
        let mut names = body.lines().filter_map(|line| line.strip_prefix(&field));
        let name = names.next().unwrap_or_default().to_owned();
        assert_eq!(names.next(), None, "{body}");
        Some(name)
    }

    async fn lets_in(&self, holder: &Holder) -> bool {
        let seen = self.sees(Some(holder), "/", &[]).await;
        seen.is_some_and(|name| {
            assert_eq!(name, "alice@example.com");
            true
        })
    }
}

/// The document's names of places become those of the test.
fn placed(
    text: String,
    folder: &Path,
    port: u16,
    admin: &str,
    application: &str,
    token: &str,
) -> String {
    let folder = folder.display();
    let application_port = application.rsplit(':').next().unwrap();
    let places = [
        ("/etc/vaca/", format!("{folder}/")),
        ("/var/cache/nginx/vaca", format!("{folder}/cache")),
        (
            "address: vaca.example.com, port_value: 8444",
            format!("address: 127.0.0.1, port_value: {admin}"),
        ),
        (
            "server vaca.example.com:8444",
            format!("server 127.0.0.1:{admin}"),
        ),
        (
            "url = \"https://vaca.example.com:8444",
            format!("url = \"https://127.0.0.1:{admin}"),
        ),
        ("vaca.example.com:8444", format!("localhost:{admin}")),
        ("vaca.example.com", "localhost".to_owned()),
        (
            "address: 0.0.0.0, port_value: 443",
            format!("address: 127.0.0.1, port_value: {port}"),
        ),
        ("listen 443 ssl", format!("listen 127.0.0.1:{port} ssl")),
        ("bind :443", format!("bind 127.0.0.1:{port}")),
        (
            "https://intranet.example.com:443 {",
            format!("https://{HOST}:{port} {{\n\tbind 127.0.0.1"),
        ),
        ("intranet.example.com", HOST.to_owned()),
        (
            "address: 127.0.0.1, port_value: 3000",
            format!("address: 127.0.0.1, port_value: {application_port}"),
        ),
        ("127.0.0.1:3000", application.to_owned()),
        ("vaca_...", token.to_owned()),
    ];
    let place = |text: String, (from, to): &(&str, String)| text.replace(from, to);
    places.iter().fold(text, place)
}

/// The holder's certificate in every form that a proxy may pass on, as a client would write it.
fn spoofed(holder: &Holder) -> [String; 4] {
    let pem = std::fs::read_to_string(&holder.leaf).unwrap();
    let (_, der) = der::pem::decode_vec(pem.as_bytes()).unwrap();
    CertificateHeader::ALL.map(|header| format!("{header}: {}", in_form(header, &der)))
}

const MALLORY: [&str; 10] = [
    "X-Vaca-Identity: mallory@example.com",
    "x_vaca_identity: mallory@example.com",
    "Vaca-Email: mallory@example.com",
    "vaca-device: mallory",
    "Vaca_Email: mallory@example.com",
    "Vaca-Profile: admin",
    "Vaca-Serial: 00",
    "Vaca-Status: good",
    "X-Original-URI: /v1/authorize/kiosks",
    "Authorization: Basic bWFsbG9yeTpwYXNzd29yZA==",
];

async fn story(proxy: &'static Proxy) {
    let mut site = Site::new().await;
    let running = Running::start(&site, proxy, |same| same).await;
    let log = || running.daemon.log();
    assert!(running.lets_in(&site.alice).await, "{}", log());
    assert!(running.lets_in(&site.later).await);
    for (what, holder) in [
        ("nobody", None),
        ("a device's", Some(&site.device)),
        ("the CA's key, a good number, no row", Some(&site.forged)),
        ("another CA of the same name", Some(&site.stranger)),
    ] {
        // Whatever the address says.
        for path in [
            "/",
            "/?profile=wifi-device&gate=kiosks",
            "/../kiosks/",
            "/kiosks?profile=admin",
        ] {
            assert_eq!(
                running.sees(holder, path, &[]).await,
                None,
                "{what}, {path}"
            );
        }
    }
    // Alice is Alice by whatever method and at whatever address, with a body too.
    let alice = Some("alice@example.com".to_owned());
    let post = ["--request", "POST", "--data", "a=b"];
    for (path, options) in [
        ("/a/b?c=d%2f&gate=kiosks", &[][..]),
        ("/%ff//", &[]),
        ("/", &post),
    ] {
        let seen = running.sees(Some(&site.alice), path, options).await;
        assert_eq!(seen, alice, "{path}: {}", log());
    }
    // What a client says of itself is replaced, or refused.
    let fields = MALLORY.iter().flat_map(|field| ["--header", *field]);
    let fields: Vec<_> = fields.collect();
    let (status, body) = running.ask(Some(&site.alice), "/", &fields).await;
    assert_eq!(status, 200, "{body}: {}", log());
    // However an application reads an underscore.
    let body = body.to_lowercase().replace('_', "-");
    for line in body.lines() {
        let is_ours = line.starts_with("vaca-") || line.starts_with("x-vaca-");
        let is_mallorys = MALLORY
            .iter()
            .any(|field| field.to_lowercase().replace('_', "-") == line);
        assert!(!is_ours || !is_mallorys, "{line}");
    }
    // A field of the connection's own goes no further (RFC 9110, section 7.6.1): no name goes with it.
    let kept_back = "Connection: close, X-Vaca-Identity, Vaca-Email, Client-Cert, X-SSL-Client-Cert, X-Forwarded-Client-Cert";
    let kept_back = ["--http1.1", "--header", kept_back];
    let seen = running.sees(Some(&site.alice), "/", &kept_back).await;
    assert!(seen.is_none() || seen == alice, "{seen:?}: {}", log());
    let seen = running.sees(Some(&site.device), "/", &kept_back).await;
    assert_eq!(seen, None, "{}", log());
    let forged = spoofed(&site.device);
    for field in forged.iter().chain(&spoofed(&site.later)) {
        let options = ["--header", field.as_str()];
        assert_eq!(running.sees(None, "/", &options).await, None, "{field}");
        let device = running.sees(Some(&site.device), "/", &options).await;
        assert_eq!(device, None, "{field}");
        let seen = running.sees(Some(&site.alice), "/", &options).await;
        assert!(seen.is_none() || seen == alice, "{field}: {seen:?}");
    }
    // Revoked: nothing is loaded again, and no answer is kept for longer than five seconds.
    site.world.revoke_at_once(&site.later).await;
    // vaca read it a moment ago.
    site.world.ca.clock.advance(1);
    eventually("it is refused", async || {
        !running.lets_in(&site.later).await
    })
    .await;
    assert!(running.lets_in(&site.alice).await, "{}", log());
    // Nobody tells.
    site.world.ca.stop().await;
    eventually("it is closed", async || !running.lets_in(&site.alice).await).await;
    site.world.ca.serve().await.unwrap();
    drop(running);
    site.world.ca.check().await;
}

#[tokio::test]
async fn nginx() {
    story(&NGINX).await;
}

#[tokio::test]
async fn envoy_asks() {
    story(&ENVOY).await;
}

#[tokio::test]
async fn haproxy() {
    story(&HAPROXY).await;
}

#[tokio::test]
async fn caddy() {
    story(&CADDY).await;
}

/// What the document's last table says.
#[tokio::test]
async fn a_proxy_that_was_set_up_wrongly_lets_in_whom_the_document_says() {
    let site = Site::new().await;
    let field = "proxy_set_header X-SSL-Client-Cert $ssl_client_escaped_cert;";
    let nginx = async |changes: &[(&str, &str)]| {
        let change = |text: String| {
            changes.iter().fold(text, |text, (from, to)| {
                assert!(text.contains(from), "{from}");
                text.replace(from, to)
            })
        };
        Running::start(&site, &NGINX, change).await
    };
    let [other, _, escaped, _] = spoofed(&site.alice);
    let spoofing = ["--header", escaped.as_str()];
    let anothers = ["--header", other.as_str()];

    // The client's own field counts: a device is Alice.
    let passes_on = nginx(&[(
        field,
        "proxy_set_header X-SSL-Client-Cert $http_x_ssl_client_cert;",
    )])
    .await;
    let seen = passes_on.sees(Some(&site.device), "/", &spoofing).await;
    drop(passes_on);
    assert_eq!(seen.as_deref(), Some("alice@example.com"));

    // Nobody has to show anything, and what is shown is set only where it is there: so is nobody.
    let lax = "ssl_verify_client optional;";
    let lax = nginx(&[
        ("ssl_verify_client on;", lax),
        ("proxy_pass_request_headers off;", ""),
        (field, "set $shown $http_x_ssl_client_cert;\nif ($ssl_client_escaped_cert) { set $shown $ssl_client_escaped_cert; }\nproxy_set_header X-SSL-Client-Cert $shown;"),
        // Under its usual key nobody has one answer.
        ("proxy_cache vaca;", ""),
    ])
    .await;
    assert_eq!(lax.sees(None, "/", &[]).await, None);
    let seen = lax.sees(None, "/", &spoofing).await;
    assert_eq!(seen.as_deref(), Some("alice@example.com"));
    assert_eq!(lax.sees(Some(&site.device), "/", &spoofing).await, None);
    drop(lax);

    // Its own beside the client's: whoever sends one is refused.
    let twice = format!("proxy_set_header X-SSL-Client-Cert $http_x_ssl_client_cert;\n{field}");
    let twice = nginx(&[(field, &twice), ("proxy_cache vaca;", "")]).await;
    assert_eq!(twice.sees(Some(&site.device), "/", &spoofing).await, None);
    assert_eq!(twice.sees(Some(&site.alice), "/", &spoofing).await, None);
    assert!(twice.lets_in(&site.alice).await);
    drop(twice);

    // All that the client sends: a field of another proxy's is refused.
    let all = nginx(&[
        ("proxy_pass_request_headers off;", ""),
        ("proxy_cache vaca;", ""),
    ])
    .await;
    assert_eq!(all.sees(Some(&site.device), "/", &anothers).await, None);
    assert_eq!(all.sees(Some(&site.alice), "/", &anothers).await, None);
    assert_eq!(all.sees(Some(&site.device), "/", &spoofing).await, None);
    assert!(all.lets_in(&site.alice).await);
    drop(all);

    // It looks at no certificate itself: vaca does, and the key was proven.
    let blind = nginx(&[("ssl_verify_client on;", "ssl_verify_client optional_no_ca;")]).await;
    assert!(blind.lets_in(&site.alice).await);
    for holder in [&site.stranger, &site.forged, &site.device] {
        assert_eq!(blind.sees(Some(holder), "/", &[]).await, None);
    }
    drop(blind);
    site.world.ca.check().await;
}

/// What `vaca relying-party config caddy` writes.
struct Generated {
    daemon: Daemon,
    folder: PathBuf,
    port: u16,
    _application: Application,
}

impl Generated {
    async fn start(site: &Site, profile: &str, gate: &str) -> Self {
        let (application, port) = (Application::start().await, free_port());
        let listen = format!("127.0.0.1:{port}");
        let admin = site.world.ca.admin.rsplit(':').next().unwrap();
        let admin = format!("https://localhost:{admin}");
        let options = [
            "--listen",
            &listen,
            "--application",
            &application.address,
            "--admin-url",
            &admin,
            "--gate",
            gate,
        ];
        let folder = site.world.generate("caddy", profile, &options).await;
        std::fs::copy(site.world.path("admin-ca.pem"), folder.join("admin-ca.pem")).unwrap();
        let file = folder.join("token.env");
        let token = site.token(CertificateHeader::ClientCert).await;
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("the-token", &token)).unwrap();
        let options = [&options[..], &["--replace", "--check"]].concat();
        let checked = site.world.config("caddy", profile, &folder, &options).await;
        assert!(checked.status.success(), "{}", said(&checked));
        let mut caddy = command("caddy");
        caddy.args(["run", "--envfile", "token.env", "--adapter", "caddyfile"]);
        caddy.args(["--config", "Caddyfile"]).current_dir(&folder);
        caddy.env("HOME", &folder);
        Self {
            daemon: Daemon::listening(&folder, &mut caddy, port).await,
            folder,
            port,
            _application: application,
        }
    }

    async fn ask(&self, credentials: Credentials<'_>, headers: &[&str]) -> (u16, String) {
        let mut curl = curl(self.folder.parent().unwrap(), self.port, "/", credentials);
        // The fields of a connection are those of HTTP/1.1.
        curl.arg("--http1.1");
        for header in headers {
            curl.args(["--header", header]);
        }
        answer(curl).await
    }

    async fn lets_in(&self, holder: &Holder) -> bool {
        let (status, body) = self.ask(&[&holder.chain, &holder.key], &[]).await;
        if status != 200 {
            assert!([0, 401, 403, 502].contains(&status), "{status}: {body}");
            return false;
        }
        let told = format!("x-vaca-identity: {}\n", holder.identity);
        assert!(body.contains(&told), "{told}: {body}");
        true
    }
}

#[tokio::test]
async fn caddy_as_it_is_generated() {
    let mut row = Row::of("Caddy", &["caddy", "version"]);
    let mut site = Site::new().await;
    let users = cases::at_a_users_server(&site.world).await;
    let devices = cases::at_a_devices_server(&site.world).await;
    for (profile, gate, cases) in [
        ("wifi-user", "intranet", &users),
        ("wifi-device", "kiosks", &devices),
    ] {
        let caddy = Generated::start(&site, profile, gate).await;
        for case in cases {
            // vaca knows what it issued.
            let wanted = case.is_let_in && case.name != "made by openssl with the CA's key";
            let log = caddy.daemon.log();
            assert_eq!(
                caddy.lets_in(&case.holder).await,
                wanted,
                "{}: {log}",
                case.name
            );
            row.saw(case.name, wanted);
        }
        let good = &cases[0].holder;
        for (name, credentials) in [
            ("without a certificate", &[][..]),
            (
                "without its issuer's certificate",
                &[good.leaf.as_path(), &good.key],
            ),
        ] {
            let (status, body) = caddy.ask(credentials, &[]).await;
            assert_eq!(status, 0, "{name}: {body}");
            row.saw(name, false);
        }
        let fields = [
            "X-Vaca-Identity: mallory@example.com",
            "X_Vaca_Identity: mallory@example.com",
            "X-Vaca_Serial: 00",
            "Vaca-Email: mallory@example.com",
            "Vaca-Device: mallory",
            "Connection: close, X-Vaca-Identity, X-Vaca-Serial, Vaca-Email, Vaca-Device",
        ];
        let (status, body) = caddy.ask(&[&good.chain, &good.key], &fields).await;
        assert_eq!(status, 200, "{body}");
        let vacas = body.lines().filter(|line| line.contains("vaca"));
        let mut vacas: Vec<_> = vacas.collect();
        vacas.sort_unstable();
        let identity = format!("x-vaca-identity: {}", good.identity);
        let serial = format!("x-vaca-serial: {}", good.serial);
        assert_eq!(vacas, [identity, serial]);
        row.besides("the application is told who it is, and a client cannot tell it");
        let later = &cases[1].holder;
        site.world.revoke_at_once(later).await;
        site.world.ca.clock.advance(1);
        assert!(!caddy.lets_in(later).await, "{}", caddy.daemon.log());
        assert!(caddy.lets_in(good).await);
        row.besides("revoked later: refused at once, without lists");
    }
    let caddy = Generated::start(&site, "wifi-user", "intranet").await;
    site.world.ca.stop().await;
    assert!(!caddy.lets_in(&users[0].holder).await);
    row.besides("while vaca is away: everybody is refused");
    site.world.ca.serve().await.unwrap();
    drop(caddy);
    // Whom nobody lets pass needs no proxy.
    let folder = site.world.path("nobody");
    let admin = ["--admin-url", "https://vaca.example.com:8444"];
    for (profile, options, told) in [
        (
            "vpn-user",
            &admin[..],
            "no [[gate]] is open to the profile vpn-user",
        ),
        (
            "wifi-user",
            &["--gate", "kiosks"],
            "no [[gate]] named \"kiosks\" is open",
        ),
        (
            "wifi-user",
            &["--revocation", "lists"],
            "leave out --revocation",
        ),
        ("wifi-user", &[], "give --admin-url"),
    ] {
        let output = site.world.config("caddy", profile, &folder, options).await;
        assert!(said(&output).contains(told), "{told}: {}", said(&output));
        assert!(!output.status.success() && !folder.exists());
    }
    row.tell();
    site.world.ca.check().await;
}
