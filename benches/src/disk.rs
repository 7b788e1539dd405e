//! How long a flush takes here and now: a durable figure means nothing without it.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use vaca::clock::{Clock as _, SystemClock};

/// Flushes per probe.
const FLUSHES: usize = 200;

/// The middle one of many flushes of 4 KiB appended to a file in `folder` (`fdatasync`).
///
/// # Errors
/// Where the folder takes no file.
pub fn flush_time(folder: &Path) -> std::io::Result<Duration> {
    let path = folder.join("flush-probe");
    let mut file = std::fs::File::create(&path)?;
    let clock = SystemClock::new();
    let mut times = Vec::with_capacity(FLUSHES);
    for _ in 0..FLUSHES {
        let start = clock.monotonic();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        times.push(clock.monotonic().saturating_sub(start));
    }
    std::fs::remove_file(path)?;
    times.sort();
    Ok(times.get(FLUSHES / 2).copied().unwrap_or_default())
}
