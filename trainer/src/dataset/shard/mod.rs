//! Files of recorded trajectories, read and written as streams.
//!
//! A shard begins with the eight bytes `OPTISHD2`, the length of a JSON header (u32) and the
//! header. Records follow: the length of the payload (u32), its CRC-32 (u32), the payload. All
//! numbers are little-endian. A payload holds:
//!
//! | field | type |
//! |---|---|
//! | family | u8 |
//! | number of parameters `d` | u8 |
//! | kinds (0 continuous, 1 levels, 2 categorical, 3 log levels), number | `d` × (u8, u16) |
//! | conditions: parent (255 and no more for none), its values as bits | `d` × (u8, u64) |
//! | number of trials `n` | u16 |
//! | optimum's coordinates, its loss | `d` × f32, f32 |
//! | trials: teacher, failed, coordinates, loss | `n` × (u8, u8, `d` × f32, f32) |
//!
//! A coordinate is a place in `[0, 1]`, or the index of a choice, or −1 where the parameter is
//! inactive.

mod codec;

use std::{
    fs::File,
    io::{BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use optiformer::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::record::Record;

/// What a shard begins with; the last byte is the version of the format.
const MAGIC: &[u8; 8] = b"OPTISHD2";
/// No record is longer; a length beyond it is damage.
const LONGEST_RECORD: usize = 1 << 20;

/// How a shard was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The seed of all shards together.
    pub seed: u64,
    /// The number of the first function.
    pub first: u64,
    /// How many records follow.
    pub records: u64,
    /// Trials of a trajectory.
    pub trials: usize,
    /// The mixture of teachers, as it was asked for.
    pub teachers: String,
    /// The most parameters a function has.
    pub max_dimensions: usize,
    /// The [version of the generators](crate::generators::VERSION).
    pub generators: u32,
}

/// Writes a whole shard: to a temporary file beside `path`, renamed once it is complete.
///
/// # Errors
///
/// What the file system says.
pub fn write(path: &Path, header: &Header, records: &[Record]) -> Result<()> {
    let temporary = path.with_extension("partial");
    let mut file = BufWriter::new(File::create(&temporary)?);
    let text = serde_json::to_vec(header).expect("a header is plain data");
    file.write_all(MAGIC)?;
    file.write_all(&(text.len() as u32).to_le_bytes())?;
    file.write_all(&text)?;
    for record in records {
        let payload = codec::encode(record);
        file.write_all(&(payload.len() as u32).to_le_bytes())?;
        file.write_all(&crc32fast::hash(&payload).to_le_bytes())?;
        file.write_all(&payload)?;
    }
    let file = file.into_inner().map_err(|error| Error::from(error.into_error()))?;
    file.sync_all()?;
    std::fs::rename(temporary, path)?;
    Ok(())
}

/// Reads a shard record by record.
pub struct Reader<R> {
    bytes: Bytes<R>,
    header: Header,
}

impl Reader<BufReader<File>> {
    /// Opens a shard.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or does not begin as a shard does.
    pub fn open(path: &Path) -> Result<Self> {
        Self::new(BufReader::new(
            File::open(path).map_err(|error| {
                Error::new(ErrorKind::Io, format!("{}: {error}", path.display()))
            })?,
        ))
    }
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// A source that does not begin as a shard does; the message has the byte offset.
    pub fn new(source: R) -> Result<Self> {
        let mut bytes = Bytes { source, offset: 0 };
        let magic: [u8; 8] = bytes.array()?;
        if magic[..7] != MAGIC[..7] {
            return Err(damaged(0, "this is not a shard"));
        }
        if magic != *MAGIC {
            let version = char::from(magic[7]);
            return Err(damaged(7, &format!("version {version} of the shard format is unknown")));
        }
        let length = u32::from_le_bytes(bytes.array()?) as usize;
        let text = bytes.take(length)?;
        let header = serde_json::from_slice(&text)
            .map_err(|error| damaged(12, &format!("header: {error}")))?;
        Ok(Self { bytes, header })
    }

    /// How the shard was made.
    pub fn header(&self) -> &Header {
        &self.header
    }

    fn record(&mut self) -> Result<Record> {
        let length = u32::from_le_bytes(self.bytes.array()?) as usize;
        let expected = u32::from_le_bytes(self.bytes.array()?);
        let start = self.bytes.offset;
        let payload = self.bytes.take(length)?;
        if crc32fast::hash(&payload) != expected {
            return Err(damaged(start, "the checksum of a record does not match"));
        }
        codec::decode(&payload).ok_or_else(|| damaged(start, "a record of impossible contents"))
    }
}

/// A source of bytes that counts them.
struct Bytes<R> {
    source: R,
    offset: u64,
}

impl<R: Read> Bytes<R> {
    fn take(&mut self, count: usize) -> Result<Vec<u8>> {
        if count > LONGEST_RECORD {
            return Err(damaged(self.offset, &format!("a length of {count} bytes")));
        }
        let mut buffer = vec![0; count];
        self.source
            .read_exact(&mut buffer)
            .map_err(|error| damaged(self.offset, &format!("{count} bytes wanted: {error}")))?;
        self.offset += count as u64;
        Ok(buffer)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.take(N)?;
        Ok(bytes.try_into().expect("as many bytes as were asked for"))
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Record>;

    /// The next record; an error ends the stream, what came before it stays good.
    fn next(&mut self) -> Option<Self::Item> {
        if self.header.records == 0 {
            return None;
        }
        self.header.records -= 1;
        let record = self.record();
        if record.is_err() {
            self.header.records = 0;
        }
        Some(record)
    }
}

/// The complete shards of a directory, in order of their names.
///
/// # Errors
///
/// A directory that cannot be read.
pub fn list(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(directory)
        .map_err(|error| Error::new(ErrorKind::Io, format!("{}: {error}", directory.display())))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "shard") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Every record of every shard of a directory.
///
/// # Errors
///
/// No shards, or a damaged one; the message names the file and the byte offset.
pub fn read_directory(directory: &Path) -> Result<Vec<Record>> {
    let paths = list(directory)?;
    if paths.is_empty() {
        let context = format!("{} holds no shards: run generate first", directory.display());
        return Err(Error::new(ErrorKind::InvalidValue, context));
    }
    let mut records = Vec::new();
    for path in paths {
        for record in Reader::open(&path)? {
            records.push(record.map_err(|error| {
                Error::new(error.kind(), format!("{}: {}", path.display(), error.context()))
            })?);
        }
    }
    Ok(records)
}

fn damaged(offset: u64, what: &str) -> Error {
    Error::new(ErrorKind::InvalidValue, format!("shard, byte {offset}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::{
        super::record::{INACTIVE, RecordedTrial, Teacher},
        *,
    };
    use crate::problem::{Activation, FunctionFamily, ParameterKind};

    fn record(number: u16) -> Record {
        let kinds = vec![
            ParameterKind::Continuous,
            ParameterKind::Levels(7),
            ParameterKind::Categorical(3),
            ParameterKind::LogLevels(100),
            ParameterKind::Continuous,
        ];
        let activations =
            vec![None, None, None, None, Some(Activation { parent: 2, values: 0b110 })];
        let trial = |index: u16| RecordedTrial {
            coordinates: vec![
                f32::from(index) / 10.0,
                0.5,
                f32::from(index % 3),
                0.25,
                if index.is_multiple_of(3) { INACTIVE } else { 0.75 },
            ],
            loss: f32::from(index * number) - 3.5,
            failed: index == 2,
            teacher: Teacher::Tpe,
        };
        Record {
            family: FunctionFamily::Symbolic,
            kinds,
            activations,
            trials: (0..5).map(trial).collect(),
            optimum: vec![0.25, 1.0, 2.0, 0.0, 1.0],
            optimum_loss: -9.0,
        }
    }

    fn header(records: u64) -> Header {
        Header {
            seed: 1,
            first: 0,
            records,
            trials: 5,
            teachers: String::from("tpe:1"),
            max_dimensions: 3,
            generators: 2,
        }
    }

    /// A shard of three records; `name` keeps tests that run at the same time apart.
    fn shard(name: &str) -> Vec<u8> {
        let file = format!("optiformer-{name}-{}.shard", std::process::id());
        let path = std::env::temp_dir().join(file);
        let records: Vec<Record> = (0..3).map(record).collect();
        write(&path, &header(3), &records).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let read: Vec<Record> = Reader::open(&path).unwrap().map(Result::unwrap).collect();
        assert_eq!(read, records);
        std::fs::remove_file(&path).unwrap();
        bytes
    }

    #[test]
    fn a_shard_comes_back_and_every_truncation_is_noticed() {
        let bytes = shard("truncated");
        for length in 0..bytes.len() {
            let outcome = Reader::new(&bytes[..length])
                .and_then(|reader| reader.collect::<Result<Vec<Record>>>());
            let error = outcome.expect_err("a truncated shard");
            assert!(error.context().contains("byte"), "{error}");
        }
        // What lies before the damage stays readable.
        let damaged = &bytes[..bytes.len() - 10];
        let good = Reader::new(damaged).unwrap().filter(Result::is_ok).count();
        assert_eq!(good, 2);
    }

    #[test]
    fn every_flipped_byte_of_a_record_is_noticed() {
        let bytes = shard("flipped");
        let start = 12 + u32::from_le_bytes(bytes[8..12].try_into().unwrap()) as usize;
        for place in start..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x41;
            let outcome = Reader::new(damaged.as_slice()).unwrap().collect::<Result<Vec<_>>>();
            assert!(outcome.is_err(), "byte {place}");
        }
    }

    #[test]
    fn other_versions_are_refused() {
        let mut bytes = shard("version");
        bytes[7] = b'3';
        let error = Reader::new(bytes.as_slice()).err().unwrap();
        assert!(error.context().contains("version 3"), "{error}");
        bytes[0] = b'o';
        let error = Reader::new(bytes.as_slice()).err().unwrap();
        assert!(error.context().contains("not a shard"), "{error}");
    }

    #[test]
    fn impossible_conditions_and_values_are_refused() {
        let good = record(1);
        assert_eq!(codec::decode(&codec::encode(&good)), Some(good.clone()));
        let refused = |change: fn(&mut Record)| {
            let mut bad = good.clone();
            change(&mut bad);
            assert_eq!(codec::decode(&codec::encode(&bad)), None, "{bad:?}");
        };
        // A parent that is continuous, one that is not there, a value that is not there, and none
        // at all.
        refused(|bad| bad.activations[4] = Some(Activation { parent: 0, values: 1 }));
        refused(|bad| bad.activations[4] = Some(Activation { parent: 4, values: 1 }));
        refused(|bad| bad.activations[4] = Some(Activation { parent: 2, values: 0b1110 }));
        refused(|bad| bad.activations[4] = Some(Activation { parent: 2, values: 0 }));
        // A value where the parameter is inactive, none where it is active.
        refused(|bad| bad.trials[0].coordinates[4] = 0.5);
        refused(|bad| bad.trials[1].coordinates[4] = INACTIVE);
        refused(|bad| bad.trials[1].coordinates[0] = INACTIVE);
    }
}
