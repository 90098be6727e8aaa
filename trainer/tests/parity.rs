//! One model, three implementations: tch, the runtime, and Hugging Face's `LlamaForCausalLM`.

use std::process::Command;

use optiformer::model::{Config, Metadata, Model, Precision, Workspace};
use optiformer_trainer::{export, network::Network};
use tch::Device;

/// The largest absolute difference of two logits.
const TOLERANCE: f32 = 1e-4;

fn tokens() -> Vec<u16> {
    let mut tokens = vec![1001, 1005];
    for trial in 0..30_u16 {
        tokens.extend([1003, 1008, (trial * 37) % 1000, 1009, (trial * 91) % 1000, 1010]);
        tokens.extend([1136 + trial % 4, 1004, (trial * 53) % 1000]);
    }
    tokens
}

/// Random weights of the format that reads a token a value. (Rows, which the embedded weights read,
/// are compared in `export`, and with Hugging Face's model in `tests/python`.)
fn networks() -> Vec<(&'static str, Network)> {
    vec![("random", Network::new(Config::pico(), Device::Cpu, 9))]
}

fn largest_difference(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn the_runtime_gives_the_logits_of_tch() {
    for (name, network) in networks() {
        let tokens = tokens();
        let expected = export::values(&network.logits(&tokens));
        let bytes = export::to_bytes(&network, &Metadata::default(), Precision::F32).unwrap();
        let model = Model::from_bytes_in(Precision::F32, &bytes).unwrap();
        let (mut cache, mut workspace) = (model.cache(400), Workspace::new());
        let mut logits = vec![0.0; 1200];
        let mut worst = 0.0_f32;
        // Token by token: every position's logits, each behind a cache.
        for (place, token) in tokens.iter().enumerate() {
            model.extend(&mut cache, &[*token], &mut workspace).unwrap();
            model.logits(&mut workspace, 0..1, 0..1200, &mut logits).unwrap();
            let want = &expected[place * 1200..(place + 1) * 1200];
            worst = worst.max(largest_difference(&logits, want));
        }
        println!("{name}: largest difference of cached logits {worst:e}");
        assert!(worst <= TOLERANCE, "{name}: {worst}");
        // All at once, and as a branch.
        cache.clear();
        model.extend(&mut cache, &tokens, &mut workspace).unwrap();
        model.logits(&mut workspace, 0..1, 0..1200, &mut logits).unwrap();
        let last = &expected[expected.len() - 1200..];
        assert!(largest_difference(&logits, last) <= TOLERANCE);
        cache.truncate(tokens.len() - 8);
        let mut branches = model.branches();
        branches.reset(1, 8);
        let tail = &tokens[tokens.len() - 8..];
        model.extend_branches(&cache, &mut branches, tail, &mut workspace).unwrap();
        model.logits(&mut workspace, 0..1, 0..1200, &mut logits).unwrap();
        assert!(largest_difference(&logits, last) <= TOLERANCE);
    }
}

#[test]
fn hugging_face_gives_the_logits_of_tch() {
    const SCRIPT: &str = "
import sys, torch
from transformers import LlamaForCausalLM
folder, tokens = sys.argv[1], [int(token) for token in sys.argv[2].split(',')]
model = LlamaForCausalLM.from_pretrained(folder, torch_dtype=torch.float32).eval()
with torch.no_grad():
    logits = model(torch.tensor([tokens])).logits[0]
logits.float().numpy().tofile(folder + '/logits.bin')
";
    for (name, network) in networks() {
        let folder = std::env::temp_dir().join(format!("optiformer-{name}-{}", std::process::id()));
        export::save(&network, &Metadata::default(), Precision::F32, &folder).unwrap();
        let tokens = tokens();
        let list = tokens.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
        let output = Command::new("python3")
            .args(["-c", SCRIPT])
            .arg(&folder)
            .arg(list)
            .env("HF_HUB_OFFLINE", "1")
            .output()
            .expect("python3 starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let bytes = std::fs::read(folder.join("logits.bin")).unwrap();
        let logits: Vec<f32> = bytes
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
            .collect();
        let worst = largest_difference(&logits, &export::values(&network.logits(&tokens)));
        println!("{name}: largest difference from Hugging Face {worst:e}");
        assert!(worst <= TOLERANCE, "{name}: {worst}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
