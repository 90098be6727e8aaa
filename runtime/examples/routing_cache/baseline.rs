//! What the model says by itself, kept in a file between processes.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io,
    ops::Range,
    path::Path,
};

use crate::{
    language_model::{self, LanguageModel},
    serving::by_model,
    text::{Request, SERVED},
};

/// The surprise of each served byte of each request, by the model alone.
pub type Surprises = Vec<Vec<f32>>;

/// Serves requests by the model alone, which takes some seconds.
pub fn measure(model: &mut LanguageModel, requests: &[Request]) -> Surprises {
    requests
        .iter()
        .map(|request| {
            let mut all = Vec::with_capacity(SERVED);
            by_model(request, model, |surprise| all.push(surprise as f32));
            all
        })
        .collect()
}

/// What [`measure`] gives for a range of requests, from the file if it is of the same weights and
/// requests; else measured, and written to the file.
///
/// # Errors
///
/// What the file system says, but not that there is no file.
pub fn from_file(
    path: &Path,
    model: &mut LanguageModel,
    requests: &[Request],
    range: Range<usize>,
) -> io::Result<Surprises> {
    let mut hasher = DefaultHasher::new();
    language_model::WEIGHTS.hash(&mut hasher);
    range.hash(&mut hasher);
    requests.iter().for_each(|request| request.text.hash(&mut hasher));
    let stamp = hasher.finish().to_le_bytes();
    match std::fs::read(path) {
        Ok(bytes) if bytes.len() == 8 + 4 * SERVED * range.len() && bytes[..8] == stamp => {
            let number = |four: &[u8]| f32::from_le_bytes([four[0], four[1], four[2], four[3]]);
            let numbers: Vec<f32> = bytes[8..].chunks_exact(4).map(number).collect();
            return Ok(numbers.chunks_exact(SERVED).map(<[f32]>::to_vec).collect());
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let surprises = measure(model, &requests[range]);
    let mut bytes = stamp.to_vec();
    bytes.extend(surprises.iter().flatten().flat_map(|number| number.to_le_bytes()));
    // Another process that reads it meanwhile sees all of it or nothing.
    let partial = path.with_extension(format!("{}.partial", std::process::id()));
    std::fs::write(&partial, bytes)?;
    std::fs::rename(partial, path)?;
    Ok(surprises)
}
