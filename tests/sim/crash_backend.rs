//! A disk in memory that loses power, tears writes and reports errors, as told.
//!
//! It keeps apart what was written and what a sync has made durable. At the sync it is told to
//! break at, it freezes: that call and all later ones fail, and [`CrashBackend::revive`] gives the
//! disk as the next start would find it.

use redb::StorageBackend;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use zenstripe::clock::Random;

/// Bytes that a disk writes as one.
const SECTOR_BYTES: usize = 512;

/// What survives of the writes that no finished sync covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Survive {
    /// Nothing: they were still in memory.
    Nothing,
    /// A part, sector by sector, that follows from the seed; in any order.
    Torn(u64),
    /// Everything: the power went after the sync, before its answer.
    Everything,
}

/// A disk. Clones are the same disk.
#[derive(Clone, Debug)]
pub(crate) struct CrashBackend {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug, Default)]
struct Disk {
    live: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Pending>,
    syncs: u64,
    changes: u64,
    crash: Option<(u64, Survive)>,
    fail_change: Option<u64>,
    frozen: bool,
}

#[derive(Debug)]
enum Pending {
    Length(usize),
    Bytes(usize, Vec<u8>),
}

impl CrashBackend {
    /// A disk that holds `bytes`, durably.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let disk = Disk {
            durable: bytes.clone(),
            live: bytes,
            ..Disk::default()
        };
        Self {
            disk: Arc::new(Mutex::new(disk)),
        }
    }

    /// Loses power in the sync with this number; the first is 1.
    pub(crate) fn crash_at_sync(&self, number: u64, survive: Survive) {
        self.disk().crash = Some((number, survive));
    }

    /// Reports an error for one write, change of length or sync, which then does not happen; the
    /// first is 1.
    pub(crate) fn fail_change(&self, number: u64) {
        self.disk().fail_change = Some(number);
    }

    /// Loses power now.
    pub(crate) fn freeze(&self, survive: Survive) {
        self.disk().freeze(survive);
    }

    /// Syncs so far.
    pub(crate) fn syncs(&self) -> u64 {
        self.disk().syncs
    }

    /// Writes, changes of length and syncs so far.
    pub(crate) fn changes(&self) -> u64 {
        self.disk().changes
    }

    /// Whether it lost power.
    pub(crate) fn is_frozen(&self) -> bool {
        self.disk().frozen
    }

    /// The disk after power came back.
    pub(crate) fn revive(&self) -> Self {
        Self::new(self.disk().durable.clone())
    }

    /// The disk as another process finds it while power lasts.
    pub(crate) fn take_over(&self) -> Self {
        Self::new(self.disk().live.clone())
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap()
    }

    fn change(&self, act: impl FnOnce(&mut Disk) -> io::Result<()>) -> io::Result<()> {
        let mut disk = self.disk();
        disk.check()?;
        disk.changes += 1;
        if disk.fail_change == Some(disk.changes) {
            return Err(io::Error::other("the disk reports an error"));
        }
        act(&mut disk)
    }
}

impl Disk {
    fn check(&self) -> io::Result<()> {
        if self.frozen {
            Err(io::Error::other("the disk has no power"))
        } else {
            Ok(())
        }
    }

    fn freeze(&mut self, survive: Survive) {
        self.frozen = true;
        let pending = std::mem::take(&mut self.pending);
        match survive {
            Survive::Nothing => {}
            Survive::Everything => settle(&mut self.durable, pending),
            Survive::Torn(seed) => tear(&mut self.durable, pending, &Random::from_seed(seed)),
        }
    }
}

/// Lets all of `pending` reach `durable`: a sync costs what was written since the last one, however
/// large the disk is.
fn settle(durable: &mut Vec<u8>, pending: Vec<Pending>) {
    for change in pending {
        match change {
            Pending::Length(length) => durable.resize(length, 0),
            Pending::Bytes(offset, bytes) => put(durable, offset, &bytes),
        }
    }
}

/// Lets a part of `pending` reach `durable`: each sector of each write with an even chance, and a
/// later write to a sector whether or not an earlier one got there.
fn tear(durable: &mut Vec<u8>, pending: Vec<Pending>, random: &Random) {
    for change in pending {
        match change {
            Pending::Length(length) => {
                if random.next() & 1 == 0 {
                    durable.resize(length, 0);
                }
            }
            Pending::Bytes(offset, bytes) => {
                let mut at = offset;
                let mut rest = bytes.as_slice();
                while !rest.is_empty() {
                    let until_next = SECTOR_BYTES - at % SECTOR_BYTES;
                    let (sector, tail) = rest.split_at(until_next.min(rest.len()));
                    if random.next() & 1 == 0 {
                        put(durable, at, sector);
                    }
                    at += sector.len();
                    rest = tail;
                }
            }
        }
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
    let end = at + new.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes.get_mut(at..end).unwrap().copy_from_slice(new);
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

impl StorageBackend for CrashBackend {
    fn len(&self) -> io::Result<u64> {
        let disk = self.disk();
        disk.check()?;
        Ok(disk.live.len().try_into().unwrap_or(u64::MAX))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.disk();
        disk.check()?;
        let from = place(offset);
        let bytes = disk
            .live
            .get(from..from + out.len())
            .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|disk| {
            disk.live.resize(place(len), 0);
            disk.pending.push(Pending::Length(place(len)));
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change(|disk| {
            disk.syncs += 1;
            if let Some((number, survive)) = disk.crash
                && disk.syncs == number
            {
                disk.freeze(survive);
                return disk.check();
            }
            let pending = std::mem::take(&mut disk.pending);
            settle(&mut disk.durable, pending);
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(|disk| {
            put(&mut disk.live, place(offset), data);
            disk.pending
                .push(Pending::Bytes(place(offset), data.to_vec()));
            Ok(())
        })
    }
}

#[test]
fn what_was_synced_survives_and_the_rest_as_told() {
    for (survive, expected) in [
        (Survive::Nothing, b"aaaa".to_vec()),
        (Survive::Everything, b"aabb".to_vec()),
    ] {
        let disk = CrashBackend::new(Vec::new());
        disk.set_len(4).unwrap();
        disk.write(0, b"aaaa").unwrap();
        disk.sync_data().unwrap();
        disk.write(2, b"bb").unwrap();
        disk.freeze(survive);
        assert!(disk.read(0, &mut [0; 4]).is_err());
        let mut found = [0; 4];
        disk.revive().read(0, &mut found).unwrap();
        assert_eq!(found.to_vec(), expected, "{survive:?}");
    }
}

#[test]
fn a_torn_write_leaves_whole_sectors() {
    let (mut none, mut some, mut all) = (0, 0, 0);
    for seed in 0..64 {
        let disk = CrashBackend::new(vec![0; 4 * SECTOR_BYTES]);
        disk.write(0, &[1; 4 * SECTOR_BYTES]).unwrap();
        disk.freeze(Survive::Torn(seed));
        let after = disk.revive();
        let disk = after.disk();
        let mut written = 0;
        for sector in disk.live.chunks(SECTOR_BYTES) {
            assert!(sector.windows(2).all(|pair| pair.first() == pair.last()));
            written += usize::from(sector.first() == Some(&1));
        }
        match written {
            0 => none += 1,
            4 => all += 1,
            _ => some += 1,
        }
    }
    assert!(none > 0 && some > 0 && all > 0, "{none} {some} {all}");
}
