//! Writes the seeds of every target to `fuzz/corpus/TARGET/`, where `cargo fuzz run` looks for
//! them.
//!
//! `cargo run -p optiformer-fuzz --example corpus`

use std::{fs, io, path::Path};

use optiformer_fuzz::{ask_tell, c_abi, journal, space_json, weights};

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, seeds) in [
        ("weights", weights::seeds()),
        ("journal", journal::seeds()),
        ("space_json", space_json::seeds()),
        ("ask_tell", ask_tell::seeds()),
        ("c_abi", c_abi::seeds()),
    ] {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        for (index, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{index}")), seed)?;
        }
    }
    Ok(())
}
