//! The smallest build: no standard library, no default features.

use std::{path::Path, process::Command};

#[test]
fn a_program_without_std_asks_for_suggestions() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("no_std/Cargo.toml");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no_std");
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--manifest-path"])
        .arg(&manifest)
        .arg("--target-dir")
        .arg(&target)
        .output()
        .expect("cargo starts");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    let best: f64 = printed.trim().parse().expect("the program prints the best value");
    assert!(best < 0.25, "15 trials on (x - 2)² in [0, 5] ended at {best}");
}
