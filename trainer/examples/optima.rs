//! Says how good the optima of generated functions are, against a search with some forty times the
//! evaluations.
//!
//! ```text
//! cargo run --release -p optiformer-trainer --example optima -- 200
//! ```

use std::collections::BTreeMap;

use optiformer_trainer::generators::{FunctionOptions, SampledFunction};

fn main() {
    let count: u64 =
        std::env::args().nth(1).and_then(|argument| argument.parse().ok()).unwrap_or(200);
    let options = FunctionOptions::default();
    let mut regrets: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for index in 0..count {
        let mut one = SampledFunction::draw(&options, 1, index);
        let before = one.optimum.loss;
        // From many other points, and on from the same one.
        for _ in 0..20_000 {
            let values = one.function.uniform(&mut one.rng);
            one.optimum.improve(&one.function, &values, &mut one.rng);
        }
        for step in 0..30_000 {
            let scale = 10f64.powf(-0.5 - 3.5 * f64::from(step % 1000) / 1e3);
            let values = one.function.near(&one.optimum.values.clone(), scale, &mut one.rng);
            one.optimum.improve(&one.function, &values, &mut one.rng);
        }
        let range = one.probes.quantile(0.75) - one.optimum.loss;
        let regret = (before - one.optimum.loss) / range;
        let size = match one.function.structure.kinds.len() {
            0..=3 => "1 to 3 parameters",
            4..=8 => "4 to 8 parameters",
            _ => "9 to 20 parameters",
        };
        regrets.entry(String::from(size)).or_default().push(regret);
        regrets.entry(format!("{:?}", one.function.family)).or_default().push(regret);
        if one.function.structure.switch.is_some() {
            regrets.entry(String::from("switched")).or_default().push(regret);
        }
    }
    println!("regret of the optima, in units of third quartile − optimum (median, 90 %, mean):");
    for (group, mut regrets) in regrets {
        regrets.sort_unstable_by(f64::total_cmp);
        let mean = regrets.iter().sum::<f64>() / regrets.len() as f64;
        let at = |share: f64| regrets[(share * (regrets.len() - 1) as f64) as usize];
        println!("  {group}: {:.4} {:.4} {mean:.4} ({})", at(0.5), at(0.9), regrets.len());
    }
}
