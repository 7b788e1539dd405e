//! The programs that people run, with the configurations that `vaca relying-party config` writes and
//! with certificates that virtual Chromebooks got: who is let in, and who is not.
//!
//! All of it is on the machine's own clock and on loopback. Each test starts its programs as children of
//! its own and ends them. The record is on SQLite, whatever the others run on: no relying party sees it.

mod asking;
mod cases;
mod chromium;
mod command;
mod curl;
mod daemon;
mod eapol;
mod forge;
mod forward;
mod freeradius;
mod front;
mod guide;
mod hostapd;
mod https;
mod mosquitto;
mod mtls_webhook;
mod netns;
mod ocserv;
mod openvpn;
mod population;
mod postgresql;
mod publication;
mod refresh;
mod responder;
mod status;
mod strongswan;
mod table;
mod world;

use cases::Case;
use daemon::Daemon;
use table::Row;
use world::{Holder, World};
