//! Text files of folders, and windows drawn from them.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use optiformer::{Error, ErrorKind, Result};
use rand::RngExt;
use tch::Tensor;

use crate::random::SeededRng;

/// Files longer than this are left out: most are generated tables.
const LONGEST_FILE: u64 = 256 * 1024;
/// One file of this number is held out.
const HELD_OUT: usize = 50;
/// The byte between two files, which no text has.
const END_OF_FILE: u8 = 0;

/// The text of one or more folders, to train on or to validate with.
#[derive(Debug, Default)]
pub struct Corpus {
    /// The text of each folder, its files one after another.
    folders: Vec<Vec<u8>>,
}

impl Corpus {
    /// Reads the UTF-8 files of the folders, all below them too, and returns what to train on and
    /// what is held out: every fiftieth file in the order of their paths. Links, equal files and
    /// those longer than 256 kB are left out, and those with another extension if `extensions` has
    /// any.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] with the path of a folder or file that cannot be read;
    /// [`ErrorKind::InvalidValue`] for a folder without text.
    pub fn read(folders: &[PathBuf], extensions: &[String]) -> Result<(Self, Self)> {
        let (mut training, mut held_out) = (Self::default(), Self::default());
        let mut seen = HashSet::new();
        for folder in folders {
            let mut paths = Vec::new();
            collect(folder, extensions, &mut paths)?;
            paths.sort();
            let (mut text, mut other, mut count) = (Vec::new(), Vec::new(), 0);
            for path in paths {
                let bytes = std::fs::read(&path).map_err(|error| at(&path, &error))?;
                if bytes.contains(&END_OF_FILE) || std::str::from_utf8(&bytes).is_err() {
                    continue;
                }
                let mut hasher = DefaultHasher::new();
                bytes.hash(&mut hasher);
                if !seen.insert(hasher.finish()) {
                    continue;
                }
                count += 1;
                let to = if count % HELD_OUT == 0 { &mut other } else { &mut text };
                to.extend_from_slice(&bytes);
                to.push(END_OF_FILE);
            }
            if text.is_empty() {
                let what = format!("{}: no text files", folder.display());
                return Err(Error::new(ErrorKind::InvalidValue, what));
            }
            training.folders.push(text);
            if !other.is_empty() {
                held_out.folders.push(other);
            }
        }
        Ok((training, held_out))
    }

    /// A corpus of one text.
    pub fn of(text: Vec<u8>) -> Self {
        Self { folders: vec![text] }
    }

    /// Number of bytes.
    pub fn bytes(&self) -> usize {
        self.folders.iter().map(Vec::len).sum()
    }

    /// Windows of `length` bytes as tokens, `[count, length]`: each from a folder and a place in it
    /// that are drawn at random. Every folder counts the same.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`] when no folder has `length` bytes.
    pub fn windows(&self, count: usize, length: usize, rng: &mut SeededRng) -> Result<Tensor> {
        let long: Vec<&Vec<u8>> =
            self.folders.iter().filter(|text| text.len() >= length.max(1)).collect();
        if long.is_empty() {
            let what = format!("no folder has a window of {length} bytes");
            return Err(Error::new(ErrorKind::InvalidValue, what));
        }
        let mut tokens = Vec::with_capacity(count * length);
        for _ in 0..count {
            let text = long[rng.random_range(0..long.len())];
            let start = rng.random_range(0..=text.len() - length);
            tokens.extend(text[start..start + length].iter().map(|byte| i64::from(*byte)));
        }
        Ok(Tensor::from_slice(&tokens).view([count as i64, length as i64]))
    }
}

/// Adds the files below a folder that are of a fitting length and extension.
fn collect(folder: &Path, extensions: &[String], paths: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).map_err(|error| at(folder, &error))? {
        let entry = entry.map_err(|error| at(folder, &error))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|error| at(&path, &error))?;
        if kind.is_dir() {
            collect(&path, extensions, paths)?;
        } else if kind.is_file() && has_extension(&path, extensions) {
            let length = entry.metadata().map_err(|error| at(&path, &error))?.len();
            if (1..=LONGEST_FILE).contains(&length) {
                paths.push(path);
            }
        }
    }
    Ok(())
}

fn has_extension(path: &Path, extensions: &[String]) -> bool {
    let own = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
    extensions.is_empty() || extensions.iter().any(|extension| extension == own)
}

fn at(path: &Path, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("{}: {error}", path.display()))
}
