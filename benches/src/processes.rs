//! What the kernel counts: CPU and memory of processes, and of the whole machine (proc(5)).

use std::time::Duration;

use anyhow::Context as _;

/// Ticks per second of the times in `/proc`: `USER_HZ`, part of Linux's interface.
const TICKS: u64 = 100;

/// CPU time of a process, its threads and its finished children that it has waited for.
///
/// # Errors
/// Where there is no such process.
pub fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let fields = stat(pid)?;
    // utime, stime, cutime, cstime: fields 14 to 17 of proc(5).
    let ticks = (14..=17).map(|number| field(&fields, number)).sum();
    Ok(of_ticks(ticks))
}

/// CPU time of a process and of the children that it has now: a PostgreSQL server.
///
/// # Errors
/// Where there is no such process.
pub fn family_cpu(pid: u32) -> anyhow::Result<Duration> {
    let mut sum = cpu(pid)?;
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(child) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // One that ends meanwhile is in its parent's sum.
        let Ok(fields) = stat(child) else { continue };
        if field(&fields, 4) == u64::from(pid) {
            sum += cpu(child).unwrap_or_default();
        }
    }
    Ok(sum)
}

/// CPU time of this process.
///
/// # Errors
/// Where `/proc` is not mounted.
pub fn own_cpu() -> anyhow::Result<Duration> {
    cpu(std::process::id())
}

/// CPU time that the machine spent on anything since it started, all processors together.
///
/// # Errors
/// Where `/proc` is not mounted.
pub fn machine_cpu() -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().context("/proc/stat is empty")?;
    let fields: Vec<u64> = line
        .split_whitespace()
        .skip(1)
        .map(|word| word.parse().unwrap_or_default())
        .collect();
    // user, nice, system, then idle and iowait, irq, softirq, steal; guest time is in user.
    let busy = [0, 1, 2, 5, 6, 7].map(|index| fields.get(index).copied().unwrap_or_default());
    Ok(of_ticks(busy.iter().sum()))
}

/// Resident memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Now, in KiB.
    pub resident: u64,
    /// At its highest, in KiB.
    pub peak: u64,
}

/// Resident memory of a process.
///
/// # Errors
/// Where there is no such process.
pub fn memory(pid: u32) -> anyhow::Result<Memory> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.with_context(|| format!("no {name} of process {pid}"))
    };
    Ok(Memory {
        resident: of("VmRSS:")?,
        peak: of("VmHWM:")?,
    })
}

fn stat(pid: u32) -> anyhow::Result<Vec<u64>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("no process {pid}"))?;
    // The second field is a name in parentheses, which may hold anything.
    let (_, rest) = text.rsplit_once(") ").context("no name in stat")?;
    Ok(rest
        .split_whitespace()
        .map(|word| word.parse().unwrap_or_default())
        .collect())
}

/// A field by its number in proc(5); the list begins with the third.
fn field(fields: &[u64], number: usize) -> u64 {
    fields.get(number - 3).copied().unwrap_or_default()
}

fn of_ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1000 / TICKS)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;

    #[test]
    fn this_process_is_counted() {
        let before = own_cpu().unwrap();
        let mut sum = 0u64;
        while own_cpu().unwrap() < before + Duration::from_millis(30) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(machine_cpu().unwrap() >= own_cpu().unwrap());
        let memory = memory(std::process::id()).unwrap();
        assert!(memory.resident > 0 && memory.peak >= memory.resident);
    }
}
