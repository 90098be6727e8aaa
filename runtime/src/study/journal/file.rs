//! An append-only file of lines.

use alloc::{boxed::Box, format, vec::Vec};
#[cfg(unix)]
use std::fs::TryLockError;
use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

use crate::{Error, ErrorKind, Result};

/// Storage of a journal: a file, or in tests a disk that fails.
pub(super) trait Storage {
    /// Writes all of `bytes` at byte `offset`.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Truncates to `length` bytes.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Returns when the bytes would survive a loss of power.
    fn sync(&mut self) -> io::Result<()>;
    /// Checks that the first `length` bytes are still there.
    fn check(&mut self, length: u64) -> io::Result<()>;
}

impl Storage for File {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.seek(SeekFrom::Start(offset))?;
        self.write_all(bytes)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn check(&mut self, length: u64) -> io::Result<()> {
        let metadata = self.metadata()?;
        #[cfg(unix)]
        if std::os::unix::fs::MetadataExt::nlink(&metadata) == 0 {
            return Err(io::Error::other("somebody removed it"));
        }
        if metadata.len() < length {
            let context = format!("somebody cut it to {} of {length} bytes", metadata.len());
            return Err(io::Error::other(context));
        }
        Ok(())
    }
}

/// A journal that is open for writing.
pub(in crate::study) struct Journal {
    storage: Box<dyn Storage + Send>,
    /// Length of the whole lines, in bytes.
    length: u64,
    /// Whether a torn line may follow, to be cut off first.
    torn: bool,
}

impl Journal {
    /// Opens or creates the file, locks it against other writers, and reads it.
    ///
    /// The journal claims none of the bytes until [`keep`](Self::keep) is called.
    pub fn open(path: &Path) -> Result<(Self, Vec<u8>)> {
        let named = |error: io::Error| {
            Error::new(ErrorKind::Io, format!("study file {}: {error}", path.display()))
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        // Windows has no advisory locks, but can open a file for a single writer.
        #[cfg(windows)]
        std::os::windows::fs::OpenOptionsExt::share_mode(&mut options, 1);
        // A device or a pipe may have no end.
        if path.exists() && !path.is_file() {
            return Err(Error::new(
                ErrorKind::Io,
                format!("study file {}: not a regular file", path.display()),
            ));
        }
        let mut file = options.open(path).map_err(named)?;
        lock(&file).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => Error::new(
                ErrorKind::Io,
                format!("study file {}: another process is writing it", path.display()),
            ),
            _ => named(error),
        })?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(named)?;
        let torn = !bytes.is_empty();
        Ok((Self { storage: Box::new(file), length: 0, torn }, bytes))
    }

    /// Keeps the first `length` of `total` bytes as whole lines; the next write cuts off the rest.
    pub fn keep(&mut self, length: usize, total: usize) {
        self.length = length as u64;
        self.torn = length < total;
    }

    /// Appends a line; with `sync`, waits until it would survive a loss of power.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`]; the journal is then as before, at the latest after the next successful
    /// write.
    pub fn append(&mut self, line: &str, sync: bool) -> Result<()> {
        let failed = |error: io::Error| {
            Error::new(ErrorKind::Io, format!("the study file could not be written: {error}"))
        };
        self.storage.check(self.length).map_err(failed)?;
        if self.torn {
            self.storage.truncate(self.length).map_err(failed)?;
            self.torn = false;
        }
        let mut written = self.storage.write_at(self.length, line.as_bytes());
        if written.is_ok() && sync {
            written = self.storage.sync();
        }
        match written {
            Ok(()) => {
                self.length += line.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.torn = self.storage.truncate(self.length).is_err();
                Err(failed(error))
            }
        }
    }
}

/// Takes the advisory lock, which ends with the file handle: a killed process leaves none behind.
///
/// Unix only: on Windows such a lock would also shut out readers, and the way in which the file is
/// opened guards it.
#[cfg(unix)]
fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        // Some network file systems have no locks; the user must guard a study there.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        locked => Ok(locked?),
    }
}

#[cfg(not(unix))]
fn lock(_file: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
impl Journal {
    /// An empty journal over a storage.
    fn over(storage: impl Storage + Send + 'static) -> Self {
        Self { storage: Box::new(storage), length: 0, torn: false }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::String, sync::Arc};
    use std::sync::Mutex;

    use super::*;
    use crate::{
        samplers::RandomSampler,
        space::{Parameter, Space},
        study::{Direction, Outcome, StoredStudy, Study},
    };

    /// A disk in memory with limited room that can also refuse to truncate.
    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<TrialState>>);

    #[derive(Default)]
    struct TrialState {
        bytes: Vec<u8>,
        capacity: usize,
        stubborn: bool,
        unsyncable: bool,
    }

    impl Storage for Disk {
        fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
            let mut disk = self.0.lock().unwrap();
            assert_eq!(disk.bytes.len() as u64, offset, "a write leaves no hole and hides nothing");
            let room = disk.capacity.saturating_sub(disk.bytes.len()).min(bytes.len());
            disk.bytes.extend_from_slice(&bytes[..room]);
            if room < bytes.len() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            Ok(())
        }

        fn truncate(&mut self, length: u64) -> io::Result<()> {
            let mut disk = self.0.lock().unwrap();
            if disk.stubborn {
                return Err(io::ErrorKind::Other.into());
            }
            disk.bytes.truncate(length as usize);
            Ok(())
        }

        fn check(&mut self, length: u64) -> io::Result<()> {
            assert!(self.0.lock().unwrap().bytes.len() as u64 >= length);
            Ok(())
        }

        fn sync(&mut self) -> io::Result<()> {
            if self.0.lock().unwrap().unsyncable {
                return Err(io::ErrorKind::StorageFull.into());
            }
            Ok(())
        }
    }

    fn study_on(disk: &Disk) -> StoredStudy {
        let space = Space::new(alloc::vec![Parameter::float("x", 0.0, 1.0)]).unwrap();
        let study = Study::new(space, Direction::Minimize, Box::new(RandomSampler), 3);
        StoredStudy::with_journal(study, Journal::over(disk.clone()))
    }

    fn text(disk: &Disk) -> String {
        String::from_utf8(disk.0.lock().unwrap().bytes.clone()).unwrap()
    }

    #[test]
    fn a_full_disk_changes_nothing() {
        let disk = Disk::default();
        disk.0.lock().unwrap().capacity = 10_000;
        let mut stored = study_on(&disk);
        let trial = stored.ask().unwrap();
        let (before, length) = (alloc::format!("{:?}", stored.study()), text(&disk).len());
        for stubborn in [false, true] {
            {
                let mut disk = disk.0.lock().unwrap();
                disk.stubborn = stubborn;
                disk.capacity = length + 7;
            }
            let error = stored.tell(trial.id, Outcome::Value(1.0)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Io);
            for result in [
                stored.ask().map(drop),
                stored.fail(trial.id, "why"),
                stored.add(trial.configuration.clone(), Outcome::Failed).map(drop),
                stored.enqueue(trial.configuration.clone()),
                stored.abandon(trial.id),
            ] {
                assert_eq!(result.unwrap_err().kind(), ErrorKind::Io);
            }
            assert_eq!(alloc::format!("{:?}", stored.study()), before);
        }
        assert_eq!(text(&disk).len(), length + 7, "the stubborn disk kept half a line");
        {
            let mut disk = disk.0.lock().unwrap();
            disk.stubborn = false;
            disk.capacity = 10_000;
        }
        stored.tell(trial.id, Outcome::Value(1.0)).unwrap();
        let text = text(&disk);
        assert_eq!(text.lines().count(), 2);
        assert!(text.lines().last().unwrap().starts_with(r#"{"tell":{"id":0,"value":1.0},"#));
    }

    #[test]
    fn a_tell_that_did_not_reach_the_disk_did_not_happen() {
        let disk = Disk::default();
        disk.0.lock().unwrap().capacity = 10_000;
        let mut stored = study_on(&disk);
        let trial = stored.ask().unwrap();
        disk.0.lock().unwrap().unsyncable = true;
        stored.ask().expect("an ask waits for no disk");
        stored.tell(trial.id, Outcome::Value(1.0)).unwrap_err();
        assert!(stored.study().trial(trial.id).unwrap().is_pending());
        assert_eq!(text(&disk).lines().count(), 2, "the line is taken back");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_device_that_is_full_is_an_error() {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let space = Space::new(alloc::vec![Parameter::float("x", 0.0, 1.0)]).unwrap();
        let study = Study::new(space, Direction::Minimize, Box::new(RandomSampler), 3);
        let mut stored = StoredStudy::with_journal(study, Journal::over(full));
        for _ in 0..2 {
            assert_eq!(stored.ask().unwrap_err().kind(), ErrorKind::Io);
            assert!(stored.study().trials().is_empty());
        }
    }
}
