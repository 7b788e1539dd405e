//! Looks every second whether the files are what they were.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::trust::{Files, Stamp, Trust};

/// Takes files that changed where all of them are whole, and else keeps what it has and says why. Ends with
/// the program. It looks at once at a `hangup`, by which services are told of new files and which would end a
/// program that does not wait for it.
pub(crate) async fn watch(
    files: Files,
    mut seen: Vec<Stamp>,
    told: watch::Sender<Arc<Trust>>,
    mut hangup: Signal,
) {
    let mut said = Vec::new();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = hangup.recv() => {}
        }
        // Before the files are read: what changes meanwhile is seen the next time.
        let stamps = files.stamps();
        if stamps != seen {
            seen = stamps;
            reload(&files, &told).await;
        }
        let ended = told.borrow().ended(UnixTime::now());
        if ended != said {
            for list in &ended {
                tracing::error!("{list}: everybody is refused until the refresh has run");
            }
            said = ended;
        }
    }
}

async fn reload(files: &Files, told: &watch::Sender<Arc<Trust>>) {
    let (files, current) = (files.clone(), Arc::clone(&told.borrow()));
    // A long list takes its time.
    let read = tokio::task::spawn_blocking(move || current.reload(&files, UnixTime::now()));
    match read.await.map_err(anyhow::Error::from).flatten() {
        Ok(new) => {
            told.send_replace(Arc::new(new));
            tracing::info!("the files were read again");
        }
        Err(error) => {
            tracing::error!("the files are not taken, what was read before stays: {error:#}");
        }
    }
}
