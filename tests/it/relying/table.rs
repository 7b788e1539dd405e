//! The table of `docs/relying-parties.md`: what was proven, with which program. Each story holds its own row
//! against what it saw; `INSTA_UPDATE=always` writes it.

use std::path::PathBuf;
use std::sync::Mutex;

use super::daemon::command;

/// Every program that has a row.
const PROGRAMS: [&str; 19] = [
    "FreeRADIUS",
    "hostapd",
    "nginx",
    "HAProxy",
    "Apache",
    "Envoy",
    "Caddy",
    "stunnel",
    "Node.js",
    "OpenSSL",
    "mtls_webhook",
    "strongSwan",
    "ocserv",
    "OpenVPN",
    "PostgreSQL",
    "mosquitto",
    "Chromium",
    "FreeRADIUS, asking",
    "nginx, asking",
];
const HEAD: &str = "| program | version | let in | refused | besides |";

/// One writer at a time.
static FILE: Mutex<()> = Mutex::new(());

fn document() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/relying-parties.md")
}

/// What was seen of a program.
pub(super) struct Row {
    program: &'static str,
    version: String,
    let_in: Vec<&'static str>,
    refused: Vec<&'static str>,
    besides: Vec<&'static str>,
}

impl Row {
    /// Nothing yet. `ask` is the command that prints the program's version.
    pub(super) fn of(program: &'static str, ask: &[&str]) -> Self {
        let said = command(ask[0]).args(&ask[1..]).output().unwrap();
        let said = [said.stdout, said.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let of_version = |letter: char| letter.is_ascii_digit() || letter == '.';
        let mut words = said.split(|letter: char| !of_version(letter));
        let version = words.find(|word| word.contains('.') && word.len() > 2);
        let mut numbers = version.unwrap().split('.');
        let version = format!("{}.{}", numbers.next().unwrap(), numbers.next().unwrap());
        // Many machines have another one than Debian's, and browsers have a new one each month.
        let version = match program {
            "Chromium" => "of the month".to_owned(),
            "mtls_webhook" => "of this repository".to_owned(),
            // The second number is that of a correction.
            "PostgreSQL" => version.split('.').next().unwrap().to_owned(),
            "Node.js" => {
                let major: u32 = version.split('.').next().unwrap().parse().unwrap();
                assert!(major >= 18, "Node.js {version}");
                "18 or newer".to_owned()
            }
            _ => version,
        };
        Self {
            program,
            version,
            let_in: Vec::new(),
            refused: Vec::new(),
            besides: Vec::new(),
        }
    }

    /// Somebody was let in, or was not, as they should.
    pub(super) fn saw(&mut self, name: &'static str, is_let_in: bool) {
        let names = if is_let_in {
            &mut self.let_in
        } else {
            &mut self.refused
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }

    /// Something else was seen.
    pub(super) fn besides(&mut self, what: &'static str) {
        if !self.besides.contains(&what) {
            self.besides.push(what);
        }
    }

    fn text(&self) -> String {
        let Self {
            program, version, ..
        } = self;
        let [let_in, refused, besides] =
            [&self.let_in, &self.refused, &self.besides].map(|names| names.join("; "));
        format!("| {program} | {version} | {let_in} | {refused} | {besides} |")
    }

    /// Holds the row of the document against what was seen.
    pub(super) fn tell(self) {
        let _turn = FILE.lock().unwrap();
        let text = std::fs::read_to_string(document()).unwrap();
        let beginning = format!("| {} |", self.program);
        // Other tables of the document have rows that begin so, too.
        let (before, table) = text.split_at(text.find(HEAD).unwrap());
        let row = table.lines().find(|line| line.starts_with(&beginning));
        let row =
            row.unwrap_or_else(|| panic!("docs/relying-parties.md has no row of {}", self.program));
        let seen = self.text();
        let cells = |row: &str| {
            row.split('|')
                .map(|cell| cell.trim().to_owned())
                .collect::<Vec<_>>()
        };
        let (mut written, mut proven) = (cells(row), cells(&seen));
        // Versions are those of Debian 12; elsewhere the rest has to hold.
        let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        if !release.contains("VERSION_ID=\"12\"") {
            written.get_mut(2).unwrap().clear();
            proven[2].clear();
        }
        if written == proven {
            return;
        }
        if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
            let table = table.replacen(row, &seen, 1);
            std::fs::write(document(), format!("{before}{table}")).unwrap();
            return;
        }
        panic!(
            "docs/relying-parties.md says\n{row}\nand what was seen is\n{seen}\nINSTA_UPDATE=always writes it"
        );
    }
}

#[test]
fn every_program_of_the_table_is_tried() {
    let text = std::fs::read_to_string(document()).unwrap();
    let table = text.lines().skip_while(|line| *line != HEAD).skip(2);
    let rows = table.take_while(|line| line.starts_with('|'));
    let programs: Vec<_> = rows
        .map(|row| row.split('|').nth(1).unwrap().trim())
        .collect();
    assert_eq!(programs, PROGRAMS);
}
