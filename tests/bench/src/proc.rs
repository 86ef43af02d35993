//! What the kernel says of a process: processor time, bytes written, memory; and how busy the
//! whole machine is.

use crate::Outcome;
use crate::num::{float, ratio};
use std::fs;

/// Microseconds of one clock tick: `USER_HZ` is 100 on Linux whatever the kernel's own rate.
const TICK_MICROS: u64 = 10_000;

/// What a process has used since it began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Processor time of all its threads, user and system, in microseconds.
    pub(crate) cpu_micros: u64,
    /// Bytes it caused to be sent to the disk.
    pub(crate) written_bytes: u64,
}

/// Resident memory of a process, in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// All resident pages.
    pub(crate) rss_kib: u64,
    /// The same with each shared page divided by the number of its users.
    pub(crate) pss_kib: u64,
}

/// What process `pid` has used so far.
pub(crate) fn usage(pid: u32) -> Outcome<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the program's name in brackets and may hold anything; after it, user and
    // system time are fields 14 and 15.
    let (_, after) = stat.rsplit_once(')').ok_or("no name in /proc/PID/stat")?;
    let mut times = after.split_ascii_whitespace().skip(11);
    let mut tick = || -> Outcome<u64> { Ok(times.next().ok_or("short /proc/PID/stat")?.parse()?) };
    let ticks = tick()?.saturating_add(tick()?);
    let io = fs::read_to_string(format!("/proc/{pid}/io"))?;
    Ok(Usage {
        cpu_micros: ticks.saturating_mul(TICK_MICROS),
        written_bytes: field(&io, "write_bytes:")?,
    })
}

/// Processor time that this thread has used so far, in seconds.
pub(crate) fn thread_seconds() -> Outcome<f64> {
    let spent = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos: u64 = spent.split(' ').next().unwrap_or_default().parse()?;
    Ok(ratio(float(nanos), 1_000_000_000.0))
}

/// What process `pid` holds in memory now.
pub(crate) fn memory(pid: u32) -> Outcome<Memory> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    Ok(Memory {
        rss_kib: field(&rollup, "Rss:")?,
        pss_kib: field(&rollup, "Pss:")?,
    })
}

/// The most memory that process `pid` ever had resident, in KiB.
pub(crate) fn peak(pid: u32) -> Outcome<u64> {
    field(
        &fs::read_to_string(format!("/proc/{pid}/status"))?,
        "VmHWM:",
    )
}

/// The first number on the line that begins with `name`.
fn field(text: &str, name: &str) -> Outcome<u64> {
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_ascii_whitespace().next())
        .ok_or_else(|| format!("no {name} in /proc"))?;
    Ok(value.parse()?)
}

/// Processor time of the machine since it started, in microseconds over all processors.
#[derive(Clone, Copy, Debug, Default)]
struct Machine {
    busy: u64,
    all: u64,
}

fn machine() -> Outcome<Machine> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().ok_or("empty /proc/stat")?;
    // user nice system idle iowait irq softirq steal; guest time is part of user.
    let mut ticks = Vec::with_capacity(8);
    for text in line.split_ascii_whitespace().skip(1).take(8) {
        ticks.push(text.parse::<u64>()?);
    }
    let all: u64 = ticks.iter().sum();
    let idle: u64 = ticks.iter().skip(3).take(2).sum();
    Ok(Machine {
        busy: all.saturating_sub(idle).saturating_mul(TICK_MICROS),
        all: all.saturating_mul(TICK_MICROS),
    })
}

/// A span of time over which a server is watched.
#[derive(Debug)]
pub(crate) struct Watch {
    server: u32,
    ours: Vec<u32>,
    machine: Machine,
    server_before: Usage,
    ours_before: u64,
}

/// What was seen over the span.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// What the server used.
    pub(crate) server: Usage,
    /// Share of the machine, in percent, that neither the server nor the benchmark used.
    pub(crate) others_busy_pct: f64,
}

impl Watch {
    /// Begins to watch `server`; `ours` are the benchmark's own processes.
    pub(crate) fn begin(server: u32, ours: Vec<u32>) -> Outcome<Self> {
        let ours_before = cpu_of(&ours)?;
        Ok(Self {
            server,
            machine: machine()?,
            server_before: usage(server)?,
            ours_before,
            ours,
        })
    }

    /// Ends the span.
    pub(crate) fn end(&self) -> Outcome<Seen> {
        let server = usage(self.server)?;
        let machine = machine()?;
        let server = Usage {
            cpu_micros: server
                .cpu_micros
                .saturating_sub(self.server_before.cpu_micros),
            written_bytes: server
                .written_bytes
                .saturating_sub(self.server_before.written_bytes),
        };
        let ours = cpu_of(&self.ours)?.saturating_sub(self.ours_before);
        let busy = machine.busy.saturating_sub(self.machine.busy);
        let others = busy.saturating_sub(ours.saturating_add(server.cpu_micros));
        let all = machine.all.saturating_sub(self.machine.all);
        Ok(Seen {
            server,
            others_busy_pct: 100.0 * ratio(float(others), float(all)),
        })
    }
}

fn cpu_of(pids: &[u32]) -> Outcome<u64> {
    let mut sum = 0_u64;
    for pid in pids {
        sum = sum.saturating_add(usage(*pid)?.cpu_micros);
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen() {
        let pid = std::process::id();
        assert!(memory(pid).unwrap().rss_kib > 0);
        let watch = Watch::begin(pid, Vec::new()).unwrap();
        let seen = watch.end().unwrap();
        assert!(seen.others_busy_pct >= 0.0);
    }
}
