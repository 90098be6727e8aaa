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
//! | trials: source, failed, coordinates, loss | `n` × (u8, u8, `d` × f32, f32) |
//!
//! A coordinate is a place in `[0, 1]`, or the index of a choice, or −1 where the parameter is
//! inactive.
//!
//! Shards that begin with `OPTISHD1` have no conditions and none of the fourth kind; they are read
//! as well.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use optiformer::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::kind::active;
pub use super::kind::{Activation, Kind};
use crate::generators::Family;

const MAGIC: &[u8; 7] = b"OPTISHD";
/// The eighth byte: which layout a record has.
const VERSION: u8 = b'2';
/// The oldest layout that is still read: without conditions.
const WITHOUT_CONDITIONS: u8 = b'1';
/// The coordinate of an inactive parameter.
pub const INACTIVE: f32 = -1.0;
/// In place of a parent's index, where there is no condition.
const ALWAYS: u8 = 255;
/// No record is longer; a length beyond it is damage.
const LONGEST_RECORD: usize = 1 << 20;

/// Who proposed a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The random teacher.
    Random,
    /// The TPE teacher.
    Tpe,
    /// Chance and knowledge of the function, as [`trajectories`](crate::trajectories) says.
    Designed,
    /// The Sobol teacher.
    Sobol,
    /// The Gaussian process teacher.
    Gp,
    /// The CMA-ES teacher.
    CmaEs,
    /// The local search teacher.
    LocalSearch,
}

impl Source {
    /// All of them, in the order of the numbers by which shards name them.
    pub const ALL: [Self; 7] = [
        Self::Random,
        Self::Tpe,
        Self::Designed,
        Self::Sobol,
        Self::Gp,
        Self::CmaEs,
        Self::LocalSearch,
    ];

    /// What it is called: the name of the sampler, or `designed`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Tpe => "tpe",
            Self::Designed => "designed",
            Self::Sobol => "sobol",
            Self::Gp => "gp",
            Self::CmaEs => "cma_es",
            Self::LocalSearch => "local_search",
        }
    }
}

/// A recorded trial.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedTrial {
    /// One coordinate per parameter; [`INACTIVE`] for one that is not active.
    pub coordinates: Vec<f32>,
    /// The observed loss; 0 when the trial failed.
    pub loss: f32,
    /// Whether it failed.
    pub failed: bool,
    /// Who proposed it.
    pub source: Source,
}

/// A recorded trajectory with the function's optimum.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Where the function comes from.
    pub family: Family,
    /// The kind of each parameter.
    pub kinds: Vec<Kind>,
    /// When each parameter is active; `None` for always.
    pub activations: Vec<Option<Activation>>,
    /// The trials in the order they were made.
    pub trials: Vec<RecordedTrial>,
    /// Where the optimum is.
    pub optimum: Vec<f32>,
    /// The noiseless loss there.
    pub optimum_loss: f32,
}

impl Record {
    /// The mean jump between finished trials that follow each other, as a share of the range of
    /// losses: low where a study improves steadily.
    pub fn jumps(&self) -> f64 {
        let losses: Vec<f64> = self
            .trials
            .iter()
            .filter(|trial| !trial.failed)
            .map(|trial| f64::from(trial.loss))
            .collect();
        let low = losses.iter().copied().fold(f64::MAX, f64::min);
        let high = losses.iter().copied().fold(f64::MIN, f64::max);
        let total: f64 = losses.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum();
        total / (losses.len().max(2) - 1) as f64 / (high - low).max(f64::MIN_POSITIVE)
    }
}

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
    pub most_dimensions: usize,
    /// The [version of the generators](crate::generators::VERSION); 0 in shards from before they
    /// had one.
    #[serde(default)]
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
    file.write_all(&[VERSION])?;
    file.write_all(&(text.len() as u32).to_le_bytes())?;
    file.write_all(&text)?;
    for record in records {
        let payload = encode(record);
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
    source: R,
    offset: u64,
    header: Header,
    version: u8,
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
        let header = Header {
            seed: 0,
            first: 0,
            records: 0,
            trials: 0,
            teachers: String::new(),
            most_dimensions: 0,
            generators: 0,
        };
        let mut reader = Self { source, offset: 0, header, version: VERSION };
        if reader.array()? != *MAGIC {
            return Err(damaged(0, "this is not a shard"));
        }
        [reader.version] = reader.array()?;
        if !(WITHOUT_CONDITIONS..=VERSION).contains(&reader.version) {
            let version = char::from(reader.version);
            return Err(damaged(
                7,
                &format!("a shard of version {version}, which is not known here"),
            ));
        }
        let length = u32::from_le_bytes(reader.array()?) as usize;
        let text = reader.bytes(length)?;
        reader.header = serde_json::from_slice(&text)
            .map_err(|error| damaged(12, &format!("header: {error}")))?;
        Ok(reader)
    }

    /// How the shard was made.
    pub fn header(&self) -> &Header {
        &self.header
    }

    fn bytes(&mut self, count: usize) -> Result<Vec<u8>> {
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
        let bytes = self.bytes(N)?;
        Ok(bytes.try_into().expect("as many bytes as were asked for"))
    }

    fn record(&mut self) -> Result<Record> {
        let length = u32::from_le_bytes(self.array()?) as usize;
        let expected = u32::from_le_bytes(self.array()?);
        let start = self.offset;
        let payload = self.bytes(length)?;
        if crc32fast::hash(&payload) != expected {
            return Err(damaged(start, "the checksum of a record does not match"));
        }
        decode(&payload, self.version)
            .ok_or_else(|| damaged(start, "a record of impossible contents"))
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

fn encode(record: &Record) -> Vec<u8> {
    let mut bytes = vec![record.family as u8, record.kinds.len() as u8];
    for kind in &record.kinds {
        let (tag, number) = match *kind {
            Kind::Continuous => (0, 0),
            Kind::Levels(levels) => (1, levels),
            Kind::Categorical(choices) => (2, choices),
            Kind::LogLevels(levels) => (3, levels),
        };
        bytes.push(tag);
        bytes.extend(number.to_le_bytes());
    }
    for activation in &record.activations {
        match activation {
            None => bytes.push(ALWAYS),
            Some(Activation { parent, values }) => {
                bytes.push(*parent as u8);
                bytes.extend(values.to_le_bytes());
            }
        }
    }
    bytes.extend((record.trials.len() as u16).to_le_bytes());
    let numbers = |values: &[f32], bytes: &mut Vec<u8>| {
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    };
    numbers(&record.optimum, &mut bytes);
    numbers(&[record.optimum_loss], &mut bytes);
    for trial in &record.trials {
        bytes.push(trial.source as u8);
        bytes.push(u8::from(trial.failed));
        numbers(&trial.coordinates, &mut bytes);
        numbers(&[trial.loss], &mut bytes);
    }
    bytes
}

/// Takes a payload apart; `None` unless every field is in range and every byte used.
fn decode(bytes: &[u8], version: u8) -> Option<Record> {
    let mut rest = bytes;
    let take = |rest: &mut &[u8], count: usize| -> Option<Vec<u8>> {
        let (head, tail) = rest.split_at_checked(count)?;
        *rest = tail;
        Some(head.to_vec())
    };
    let number = |rest: &mut &[u8]| -> Option<f32> {
        let value = f32::from_le_bytes(take(rest, 4)?.try_into().ok()?);
        value.is_finite().then_some(value)
    };
    let short = |rest: &mut &[u8]| -> Option<u16> {
        Some(u16::from_le_bytes(take(rest, 2)?.try_into().ok()?))
    };
    let family = *Family::ALL.get(usize::from(take(&mut rest, 1)?[0]))?;
    let dimensions = usize::from(take(&mut rest, 1)?[0]);
    let mut kinds = Vec::with_capacity(dimensions);
    for _ in 0..dimensions {
        let tag = take(&mut rest, 1)?[0];
        let count = short(&mut rest)?;
        kinds.push(match (tag, count) {
            (0, 0) => Kind::Continuous,
            (1, 2..) => Kind::Levels(count),
            (2, 1..=64) => Kind::Categorical(count),
            (3, 2..) if version > WITHOUT_CONDITIONS => Kind::LogLevels(count),
            _ => return None,
        });
    }
    let mut activations = vec![None; dimensions];
    if version > WITHOUT_CONDITIONS {
        for index in 0..dimensions {
            let parent = take(&mut rest, 1)?[0];
            if parent == ALWAYS {
                continue;
            }
            let parent = usize::from(parent);
            let values = u64::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?);
            let count = kinds[..index].get(parent).filter(|kind| kind.can_be_parent())?.count()?;
            let all = u64::MAX >> (64 - count);
            if values == 0 || values & !all != 0 {
                return None;
            }
            activations[index] = Some(Activation { parent, values });
        }
    }
    let trials = short(&mut rest)?;
    let coordinates = |rest: &mut &[u8]| -> Option<Vec<f32>> {
        let coordinates: Vec<f32> =
            (0..dimensions).map(|_| number(rest)).collect::<Option<Vec<f32>>>()?;
        let value =
            |index: usize| kinds[index].value_of_coordinate(f64::from(coordinates[index])).max(0.0);
        let active = active(&activations, value);
        let legal =
            coordinates.iter().zip(&kinds).zip(active).all(|((value, kind), active)| match kind {
                _ if !active => *value == INACTIVE,
                Kind::Categorical(choices) => {
                    *value >= 0.0 && *value < f32::from(*choices) && value.fract() == 0.0
                }
                _ => (0.0..=1.0).contains(value),
            });
        legal.then_some(coordinates)
    };
    let optimum = coordinates(&mut rest)?;
    let optimum_loss = number(&mut rest)?;
    let mut recorded = Vec::with_capacity(usize::from(trials));
    for _ in 0..trials {
        let source = *Source::ALL.get(usize::from(take(&mut rest, 1)?[0]))?;
        let failed = match take(&mut rest, 1)?[0] {
            0 => false,
            1 => true,
            _ => return None,
        };
        let coordinates = coordinates(&mut rest)?;
        recorded.push(RecordedTrial { coordinates, loss: number(&mut rest)?, failed, source });
    }
    (rest.is_empty() && dimensions > 0).then_some(Record {
        family,
        kinds,
        activations,
        trials: recorded,
        optimum,
        optimum_loss,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u16) -> Record {
        let kinds = vec![
            Kind::Continuous,
            Kind::Levels(7),
            Kind::Categorical(3),
            Kind::LogLevels(100),
            Kind::Continuous,
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
            source: Source::Tpe,
        };
        Record {
            family: Family::Symbolic,
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
            most_dimensions: 3,
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

    /// A file as it was written before there were conditions, byte by byte.
    #[test]
    fn shards_without_conditions_are_read_and_unknown_ones_refused() {
        let header =
            r#"{"seed":1,"first":0,"records":1,"trials":1,"teachers":"tpe:1","most_dimensions":2}"#;
        let mut payload = vec![1, 2, 1, 7, 0, 2, 3, 0, 1, 0];
        for value in [0.5f32, 2.0, -9.0] {
            payload.extend(value.to_le_bytes());
        }
        payload.extend([1, 0]);
        for value in [0.25f32, 1.0, 4.0] {
            payload.extend(value.to_le_bytes());
        }
        let mut file = b"OPTISHD1".to_vec();
        file.extend((header.len() as u32).to_le_bytes());
        file.extend(header.as_bytes());
        file.extend((payload.len() as u32).to_le_bytes());
        file.extend(crc32fast::hash(&payload).to_le_bytes());
        file.extend(&payload);
        let reader = Reader::new(file.as_slice()).unwrap();
        assert_eq!(reader.header().generators, 0);
        let records: Vec<Record> = reader.map(Result::unwrap).collect();
        assert_eq!(records[0].kinds, [Kind::Levels(7), Kind::Categorical(3)]);
        assert_eq!(records[0].activations, [None, None]);
        assert_eq!(records[0].trials[0].coordinates, [0.25, 1.0]);
        assert_eq!(records[0].trials[0].loss, 4.0);
        file[7] = b'3';
        let error = Reader::new(file.as_slice()).err().unwrap();
        assert!(error.context().contains("version 3"), "{error}");
    }

    #[test]
    fn impossible_conditions_and_values_are_refused() {
        let good = record(1);
        assert_eq!(decode(&encode(&good), VERSION), Some(good.clone()));
        let refused = |change: fn(&mut Record)| {
            let mut bad = good.clone();
            change(&mut bad);
            assert_eq!(decode(&encode(&bad), VERSION), None, "{bad:?}");
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
