//! Chromium with a certificate in its store: the end of the journey, with what the Admin console would
//! be given. Screenshots are in the target folder, in `tmp/relying`.

use std::path::{Path, PathBuf};

use vaca_emulator::KeyAlgorithm;

use super::daemon::command;
use super::https::{NGINX, Server};
use super::world::{HOST, output};
use super::{Holder, Row, World};
use crate::support::openssl::{openssl, said};

/// A browser's user.
struct Browser {
    home: PathBuf,
}

impl Browser {
    /// A new user, who has this certificate, and whom policy tells when to show it.
    async fn of(world: &World, holder: &Holder) -> Self {
        let admin = world.path("google-admin");
        let written = world.config("google-admin", "wifi-user", &admin, &[]).await;
        assert!(written.status.success(), "{}", said(&written));
        let home = world.path("home");
        std::fs::create_dir_all(home.join("policies/managed")).unwrap();
        let select = std::fs::read_to_string(admin.join("auto-select-certificate.json")).unwrap();
        let policy = format!("{{\"AutoSelectCertificateForUrls\": {select}}}");
        std::fs::write(home.join("policies/managed/vaca.json"), policy).unwrap();
        let browser = Self { home };
        browser.take(world, holder).await;
        browser
    }

    /// Certificate and key, as ChromeOS imports them, into the store that Chromium looks at.
    async fn take(&self, world: &World, holder: &Holder) {
        let store = self.home.join(".pki/nssdb");
        std::fs::create_dir_all(&store).unwrap();
        let database = format!("sql:{}", store.display());
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let p12 = path(&self.home.join("holder.p12"));
        let (chain, key) = (path(&holder.chain), path(&holder.key));
        let export = [
            "pkcs12",
            "-export",
            "-in",
            &chain,
            "-inkey",
            &key,
            "-passout",
            "pass:test",
            "-out",
            &p12,
        ];
        openssl(&export, &self.home).await;
        let servers = path(&world.path("server-ca.crt"));
        for (program, arguments) in [
            ("certutil", &["-N", "--empty-password"][..]),
            (
                "certutil",
                &["-A", "-n", "servers", "-t", "C,,", "-i", &servers],
            ),
            ("pk12util", &["-i", &p12, "-W", "test"]),
        ] {
            let mut nss = command(program);
            nss.args(["-d", &database]).args(arguments);
            let output = output(nss).await;
            assert!(output.status.success(), "{program}: {}", said(&output));
        }
    }

    /// What the browser shows of a page, and a picture of it.
    async fn look(&self, port: u16, picture: &str) -> String {
        let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("relying");
        std::fs::create_dir_all(&pictures).unwrap();
        let picture = pictures.join(picture);
        std::fs::remove_file(&picture).ok();
        // Policies are the machine's; these are seen by this process alone.
        let mut browser = command("unshare");
        browser.args(["--mount", "timeout", "60", "sh", "-c"]);
        browser.arg("mkdir -p /etc/chromium && mount -t tmpfs tmpfs /etc/chromium && cp -r \"$1\" /etc/chromium/ && shift && exec \"$@\"");
        browser
            .arg("sh")
            .arg(self.home.join("policies"))
            .arg("chromium");
        browser.args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-proxy-server",
            "--no-first-run",
        ]);
        browser
            .arg("--disable-background-networking")
            .arg("--timeout=20000");
        browser.arg(format!("--host-resolver-rules=MAP {HOST} 127.0.0.1"));
        browser.arg(format!(
            "--user-data-dir={}",
            self.home.join("profile").display()
        ));
        browser
            .arg(format!("--screenshot={}", picture.display()))
            .arg("--dump-dom");
        browser.arg(format!("https://{HOST}:{port}/"));
        browser.env("HOME", &self.home);
        let output = output(browser).await;
        assert!(output.status.success(), "{}", said(&output));
        assert!(
            picture.metadata().unwrap().len() > 1000,
            "{}",
            said(&output)
        );
        String::from_utf8(output.stdout).unwrap()
    }
}

#[tokio::test]
async fn chromium() {
    let mut row = Row::of("Chromium", &["chromium", "--version"]);
    let world = World::new().await;
    let holder = world.user("wifi-user", KeyAlgorithm::Rsa).await;
    let mut server = Server::start(&world, &NGINX, "wifi-user").await;
    let browser = Browser::of(&world, &holder).await;
    let page = browser.look(server.port(), "let-in.png").await;
    let name = format!("x-vaca-identity: {}", holder.identity);
    assert!(page.contains(&name), "{page}: {}", server.log());
    row.saw("a user, RSA", true);
    world.revoke(&holder).await;
    server.refresh(&world).await;
    let page = browser.look(server.port(), "refused.png").await;
    assert!(page.contains("The SSL certificate error"), "{page}");
    row.saw("revoked", false);
    row.besides("at nginx, without being asked which certificate to show");
    row.tell();
    world.ca.check().await;
}
