//! `optiformer-trainer`: generate, train, export, smoke.
fn main() {}
