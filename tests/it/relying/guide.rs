//! The documents, as somebody follows them: their own commands, beside a quickstart.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;
use tokio::sync::MutexGuard;

use super::Daemon;
use super::daemon::{command, free_port};
use super::world::output;
use crate::quickstart::{Running, TURN};
use crate::support::openssl::said;
use crate::support::service::VACA;

/// A quickstart that stays up, and whoever follows a document beside it.
pub(super) struct Tour {
    _quickstart: Running,
    folder: TempDir,
    /// What stands in a document, and what a test has in its place.
    places: Vec<(String, String)>,
    _turn: MutexGuard<'static, ()>,
}

impl Tour {
    pub(super) async fn start() -> Self {
        let turn = TURN.lock().await;
        let folder = tempfile::tempdir().unwrap();
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), mode).unwrap();
        let state = folder.path().join("tour");
        let mut quickstart = Running::start(Some(&state), folder.path());
        quickstart.lines();
        let mut tour = Self {
            _quickstart: quickstart,
            folder,
            places: Vec::new(),
            _turn: turn,
        };
        // An alias is not looked at in a script.
        let own = tour.own();
        tour.put(
            "alias vaca='cargo run -q --bin vaca -- --config target/tour/vaca.toml'",
            &own,
        );
        tour.put_folder("target/tour", "tour");
        tour
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `vaca` as the document's second terminal has it.
    fn own(&self) -> String {
        let state = self.folder.path().join("tour");
        let state = state.display();
        format!("vaca() {{ {VACA} --config {state}/vaca.toml \"$@\"; }}")
    }

    /// In the place of what the document says.
    pub(super) fn put(&mut self, said: &str, own: &str) {
        self.places.push((said.to_owned(), own.to_owned()));
    }

    /// The same for a folder of its own.
    pub(super) fn put_folder(&mut self, said: &str, name: &str) {
        let own = self.folder.path().join(name).display().to_string();
        self.put(said, &own);
    }

    /// The commands under a heading, block by block.
    pub(super) fn blocks(&self, document: &str, heading: &str) -> Vec<String> {
        let document = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
        let document = std::fs::read_to_string(document).unwrap();
        let (_, section) = document.split_once(&format!("## {heading}\n")).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let blocks = section.split("```sh\n").skip(1);
        let blocks = blocks.map(|rest| rest.split("```").next().unwrap().to_owned());
        let placed = blocks.map(|block| {
            let places = self.places.iter();
            places.fold(block, |block, (said, own)| block.replace(said, own))
        });
        placed.collect()
    }

    /// Runs commands in the second terminal, in which these were run before; answers what they print.
    pub(super) async fn follow(&self, before: &str, script: &str) -> String {
        let mut shell = command("sh");
        let own = self.own();
        shell.args(["-euc", &format!("{own}\n{before}\n{script}")]);
        let output = output(shell).await;
        assert!(output.status.success(), "{script}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a program of another terminal until the test ends it.
    pub(super) async fn run(&self, script: &str, ready: &str) -> Daemon {
        let mut shell = command("sh");
        shell.args(["-c", &format!("exec {script}")]);
        Daemon::start(self.folder.path(), &mut shell, ready).await
    }
}

#[tokio::test]
async fn from_the_quickstart_to_an_accepted_authentication_and_a_refused_one() {
    let mut tour = Tour::start().await;
    tour.put_folder("/tmp/vaca-radius", "radius");
    tour.put_folder("/tmp/vaca-client", "client");
    tour.put("1812", &free_port().to_string());
    let blocks = tour.blocks("docs/relying-parties.md", "From the quickstart to Wi-Fi");
    let [configure, serve, join, revoke] = blocks.as_slice() else {
        panic!("{} blocks", blocks.len());
    };
    tour.follow("", configure).await;
    let _radius = tour.run(serve, "Ready to process requests").await;
    let joined = tour.follow("", join).await;
    assert_eq!(joined.lines().last(), Some("SUCCESS"), "{joined}");
    let mut lines = join.lines();
    let secret = lines.find(|line| line.starts_with("secret="));
    let refused = tour.follow(secret.unwrap(), revoke).await;
    assert_eq!(refused.lines().last(), Some("FAILURE"), "{refused}");
}
