//! schemathesis, which tests a service against its own OpenAPI document.

use super::TestCa;
use super::openssl::{run, said};
use super::python::Package;

static SCHEMATHESIS: Package = Package::new("schemathesis", "4.32.5");

/// Asserts that the service does what the document at this address says, under a configuration that knows
/// what no document can say. The same requests each time, and an end whatever happens.
pub async fn finds_nothing(ca: &TestCa, document: &str, configuration: &str, token: Option<&str>) {
    let file = "schemathesis.toml";
    std::fs::write(ca.folder.path().join(file), configuration).unwrap();
    let program = SCHEMATHESIS.program("st").await;
    let mut arguments = vec![
        "180",
        program.to_str().unwrap(),
        "--config-file",
        file,
        "run",
        document,
        "--no-color",
        "--seed=1",
        "--request-timeout=30",
        "--generation-database=none",
    ];
    let field = token.map(|token| format!("--header=Authorization:Bearer {token}"));
    arguments.extend(field.as_deref());
    let output = run("timeout", &arguments, ca.folder.path()).await;
    assert!(output.status.success(), "{}", said(&output));
}
