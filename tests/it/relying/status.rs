//! Servers that ask the service itself how a certificate stands: a revocation holds at once, and while
//! the service is away their lists decide.

use std::path::Path;

use super::World;
use super::front::{Front, Way};

mod freeradius;
mod nginx;

/// Answers that say: set up wrongly. None of them lets in anybody.
const WRONG: [(&str, Way); 6] = [
    (
        "400",
        Way::Answers("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    ),
    (
        "404",
        Way::Answers("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    ),
    (
        "302",
        Way::Answers(
            "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        ),
    ),
    (
        "200 of somebody else's",
        Way::Answers(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        ),
    ),
    (
        "200 of somebody else's, in a form that nobody can read",
        Way::Answers(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\nConnection: close\r\n\r\n<welcome>",
        ),
    ),
    (
        "403 of somebody else's",
        Way::Answers("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    ),
];

/// No answer at all, or one that says: not now. The lists decide.
const DOWN: [(&str, Way); 6] = [
    ("nobody listens", Way::Closed),
    ("it hangs", Way::Hangs),
    (
        "500",
        Way::Answers(
            "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        ),
    ),
    (
        "503",
        Way::Answers(
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        ),
    ),
    ("the connection breaks", Way::Answers("")),
    ("somebody else listens", Way::Impostor),
];

/// What the document's table says of both programs.
const GOOD_BY_LISTS: &str = "good by the lists, while vaca is away, hangs, breaks off, answers 500 or 503, or somebody else listens there";
const AS_OLD_AS_LISTS: &str = "revoked, on no list yet, while vaca is away";
const REVOKED_NOW: &str = "revoked, on no list yet";
const ON_LISTS: &str = "on the lists, while vaca is away";
const LISTS_ENDED: &str = "everybody, once the lists have ended";
const SET_UP_WRONGLY: &str =
    "everybody, where the answer is 302, 400 or 404, or a 200 or 403 of somebody else's";

/// What the operator puts into the folder: whom to believe, and the token.
fn furnish(world: &World, folder: &Path, token: &str) {
    std::fs::copy(world.path("server-ca.crt"), folder.join("admin-ca.pem")).unwrap();
    let file = folder.join("token.conf");
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, old) = text.rsplit_once("Bearer ").unwrap();
    let (_, after) = old.split_once('"').unwrap();
    std::fs::write(&file, format!("{before}Bearer {token}\"{after}")).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Where questions go, and that they are asked.
fn options(front: &Front) -> [String; 4] {
    ["--revocation", "status", "--admin-url", &front.url()].map(str::to_owned)
}
