use std::sync::atomic::AtomicBool;

use optiformer::model::{Config, Model, Precision, Workspace};
use tch::{Device, Kind};

use super::{
    corpus::Corpus,
    training::{TextTrainingOptions, train},
};
use crate::export;

fn tiny() -> Config {
    Config {
        hidden_size: 32,
        layers: 2,
        heads: 4,
        feed_forward_size: 48,
        vocabulary_size: 256,
        max_positions: 64,
        ..Config::pico()
    }
}

fn options(steps: u64) -> TextTrainingOptions {
    TextTrainingOptions {
        minutes: f64::INFINITY,
        steps,
        batch: 8,
        context: 32,
        rate: 3e-3,
        muon: 6.7,
        begin_from: None,
        seed: 1,
        precision: Kind::Float,
        stored: Precision::F32,
        data: String::from("a test"),
        output: None,
    }
}

/// A model of bytes learns a text whose next byte follows from the last two, and the runtime
/// computes from its file what the network does.
#[test]
fn a_model_of_bytes_learns_and_the_runtime_serves_it() {
    let text = "one two three, four; ".repeat(200).into_bytes();
    let corpus = Corpus::of(text.clone());
    let (config, go_on) = (tiny(), AtomicBool::new(false));
    let trained = train(&config, (&corpus, &corpus), &options(250), Device::Cpu, &go_on).unwrap();
    assert!(trained.held_out < 0.3, "{}", trained.held_out);
    for precision in [Precision::F32, Precision::Int8] {
        let bytes = export::to_bytes(&trained.network, &trained.metadata, precision).unwrap();
        let (again, metadata) = export::load(&bytes, Device::Cpu).unwrap();
        assert_eq!(metadata, trained.metadata);
        goes_on_from(&bytes, &corpus);
        let tokens: Vec<u16> = text[..40].iter().map(|byte| u16::from(*byte)).collect();
        let expected = export::values(&again.logits(&tokens).get(39));
        let model = Model::from_bytes_in(Precision::F32, &bytes).unwrap();
        let (mut cache, mut workspace) = (model.cache(64), Workspace::new());
        model.extend(&mut cache, &tokens, &mut workspace).unwrap();
        let mut logits = vec![0.0; 256];
        model.logits(&mut workspace, 0..1, 0..256, &mut logits).unwrap();
        let largest = logits
            .iter()
            .zip(&expected)
            .map(|(one, other)| (one - other).abs())
            .fold(0.0, f32::max);
        assert!(largest < 1e-3, "{precision:?}: {largest}");
    }
}

/// One step at the end of the schedule changes what was learned little.
fn goes_on_from(bytes: &[u8], corpus: &Corpus) {
    let path = std::env::temp_dir().join(format!("optiformer-bytes-{}", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    let begin_from = Some(path.clone());
    let go_on = AtomicBool::new(false);
    let again = TextTrainingOptions { begin_from, ..options(1) };
    let trained = train(&tiny(), (corpus, corpus), &again, Device::Cpu, &go_on).unwrap();
    assert!(trained.held_out < 0.4, "{}", trained.held_out);
    let other = Config { layers: 1, ..tiny() };
    let refused = train(&other, (corpus, corpus), &again, Device::Cpu, &go_on);
    assert!(refused.unwrap_err().context().contains("another vocabulary or shape"));
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_corpus_leaves_out_what_is_no_text_and_what_it_has() {
    let folder = std::env::temp_dir().join(format!("optiformer-corpus-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("below")).unwrap();
    for (name, content) in [
        ("a.md", &b"some text"[..]),
        ("below/b.md", b"other text"),
        ("c.md", b"some text"),
        ("d.md", b"\xff\xfe"),
        ("e.md", b"zero\0"),
        ("f.bin", b"left out"),
    ] {
        std::fs::write(folder.join(name), content).unwrap();
    }
    let extensions = [String::from("md")];
    let (training, held_out) = Corpus::read(std::slice::from_ref(&folder), &extensions).unwrap();
    assert_eq!(training.bytes(), "some text\0other text\0".len());
    assert_eq!(held_out.bytes(), 0);
    let nothing = Corpus::read(std::slice::from_ref(&folder), &[String::from("rs")]);
    assert!(nothing.unwrap_err().context().contains("no text"));
    std::fs::remove_dir_all(&folder).unwrap();
}
