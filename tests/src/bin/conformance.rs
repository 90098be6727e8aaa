//! Writes the documents of `tests/conformance/`, which every language is held against.

use optiformer_tests::conformance;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for document in conformance::documents(conformance::shared_seed)? {
        let path = conformance::folder().join(document.file);
        std::fs::write(&path, &document.text)?;
        println!("{}: {} bytes", path.display(), document.text.len());
    }
    Ok(())
}
