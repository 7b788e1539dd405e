//! A disk that can be full or read-only: a small tmpfs in a mount namespace that nobody else sees,
//! and that ends with the test.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

use super::Engine;
use super::openssl::said;

/// Tells the process within where it is.
const PLACE: &str = "VACA_TEST_DISK";

/// Mounts, then becomes the test.
const MOUNT: &str = r#"mount -t tmpfs -o "size=$2,mode=1777" tmpfs "$1" && shift 2 && exec "$@""#;

/// The disk that this process runs on: its temporary folders are there.
pub struct Disk(PathBuf);

impl Disk {
    /// Runs the test `name`, which called this, once more on a disk of this size (as `mount` reads
    /// it). Answers the disk to the test that is on it, and nothing to the one that is not.
    pub async fn of(name: &'static str, size: &'static str) -> Option<Self> {
        if let Some(place) = std::env::var_os(PLACE) {
            return Some(Self(place.into()));
        }
        let within = tokio::task::spawn_blocking(move || within(name, size));
        let output = within.await.unwrap();
        let said = said(&output);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{name}, on a disk of its own, which takes root, or user namespaces for everybody: {said}"
        );
        None
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Leaves room for so many octets, to the page.
    pub fn fill(&self, room: u64) {
        let mut filler = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.filler())
            .unwrap();
        for size in [1 << 20, 4096] {
            let octets = vec![0; size];
            while filler.write_all(&octets).is_ok() {}
        }
        let size = filler.metadata().unwrap().len();
        filler.set_len(size.saturating_sub(room)).unwrap();
    }

    /// Gives everything back.
    pub fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    /// Takes the right to write away (`ro`), or gives it back (`rw`). Nobody may have a file open for
    /// writing.
    pub fn remount(&self, how: &str) {
        let mut mount = Command::new("mount");
        mount
            .args(["-o", &format!("remount,bind,{how}")])
            .arg(&self.0);
        let output = mount.output().unwrap();
        assert!(output.status.success(), "{how}: {}", said(&output));
    }
}

/// Whether mounting takes no more than a namespace; otherwise one becomes root of a user namespace.
fn may_mount() -> bool {
    let tried = Command::new("unshare").args(["--mount", "true"]).output();
    tried.unwrap().status.success()
}

fn within(name: &str, size: &str) -> Output {
    let place = TempDir::with_prefix("vaca-disk-").unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "120", "unshare", "--mount"]);
    let as_somebody_else = !may_mount();
    if as_somebody_else {
        command.arg("--map-root-user");
    }
    command.args(["--", "sh", "-c", MOUNT, "sh"]);
    command.arg(place.path()).arg(size);
    if as_somebody_else && Engine::of_this_run() == Engine::Postgres {
        // Back again: the server works for nobody who is root, or looks like it.
        let this = fs::metadata("/proc/self").unwrap();
        command.args(["unshare", "--user"]);
        command.arg(format!("--map-user={}", this.uid()));
        command.arg(format!("--map-group={}", this.gid()));
        command.arg("--");
    }
    command.arg(std::env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture"]);
    command.env(PLACE, place.path()).env("TMPDIR", place.path());
    command.output().unwrap()
}
