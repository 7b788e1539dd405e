//! Ports that newcomers can remember, where they are free.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::report::note;

/// The port on loopback, or port 0, which stands for any free one.
pub(crate) fn preferred(port: u16) -> SocketAddr {
    let address = loopback(port);
    match TcpListener::bind(address) {
        Ok(_released_at_once) => address,
        Err(error) => {
            note(&format!(
                "{address} cannot be used ({error}): another port is taken"
            ));
            loopback(0)
        }
    }
}

/// The address that stands in commands and URLs by default.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
