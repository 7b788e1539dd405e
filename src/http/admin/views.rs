//! How the record looks to people and their programs: the same through the admin API and at the command
//! line. Times are RFC 3339. Text that a stranger wrote is in it as it came: a terminal wants it escaped.

pub mod attempt;
pub mod block;
pub mod certificate;
pub mod delivery;
pub mod issuer;
pub mod paused;
pub mod profile;
pub mod renewal;
pub mod revocation;
pub mod status;
pub mod token;
