//! `docs/relying-parties.md`, as somebody follows it.

use std::path::Path;

use super::Daemon;
use super::daemon::{command, free_port};
use super::world::output;
use crate::quickstart::{Running, TURN};
use crate::support::openssl::said;
use crate::support::service::VACA;

/// The commands under a heading, block by block, in places of a test's own.
fn blocks(heading: &str, places: &[(&str, &str)]) -> Vec<String> {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/relying-parties.md");
    let document = std::fs::read_to_string(document).unwrap();
    let (_, section) = document.split_once(&format!("## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap().to_owned());
    let placed = blocks.map(|block| {
        places
            .iter()
            .fold(block, |block, (from, to)| block.replace(from, to))
    });
    placed.collect()
}

#[tokio::test]
async fn from_the_quickstart_to_an_accepted_authentication_and_a_refused_one() {
    let _turn = TURN.lock().await;
    let folder = tempfile::tempdir().unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    let state = folder.path().join("tour");
    let mut quickstart = Running::start(Some(&state), folder.path());
    quickstart.lines();

    let port = free_port().to_string();
    let alias = "alias vaca='cargo run -q --bin vaca -- --config target/tour/vaca.toml'";
    let own = format!(
        "vaca() {{ {VACA} --config {}/vaca.toml \"$@\"; }}",
        state.display()
    );
    let places = [
        (alias, own.as_str()),
        ("target/tour", &place("tour")),
        ("/tmp/vaca-radius", &place("radius")),
        ("/tmp/vaca-client", &place("client")),
        ("1812", &port),
    ];
    let blocks = blocks("From the quickstart to Wi-Fi", &places);
    let [configure, serve, join, revoke] = blocks.as_slice() else {
        panic!("{} blocks", blocks.len());
    };
    let follow = async |script: &str| {
        let mut shell = command("sh");
        shell.args(["-euc", script]);
        let output = output(shell).await;
        assert!(output.status.success(), "{script}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    follow(configure).await;
    let mut freeradius = command("sh");
    freeradius.args(["-c", &format!("exec {serve}")]);
    let _radius = Daemon::start(folder.path(), &mut freeradius, "Ready to process requests").await;
    let joined = follow(&format!("{own}\n{join}")).await;
    assert_eq!(joined.lines().last(), Some("SUCCESS"), "{joined}");
    let secret = join
        .lines()
        .find(|line| line.starts_with("secret="))
        .unwrap();
    let refused = follow(&format!("{own}\n{secret}\n{revoke}")).await;
    assert_eq!(refused.lines().last(), Some("FAILURE"), "{refused}");
}
