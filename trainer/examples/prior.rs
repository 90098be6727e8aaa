//! Says what the generated functions are like, how fast they are made, and how good their optima are.
//!
//! ```text
//! cargo run --release -p optiformer-trainer --example prior -- 400
//! ```

use std::{collections::BTreeMap, time::Instant};

use optiformer::Result;
use optiformer_trainer::{
    generators::{
        diversity::{CLASSES, Traits, effective_classes},
        function::{Function, FunctionOptions},
    },
    trajectories::{self, Teachers},
};

fn main() -> Result<()> {
    let count: u64 =
        std::env::args().nth(1).and_then(|argument| argument.parse().ok()).unwrap_or(400);
    let options = FunctionOptions::default();
    let start = Instant::now();
    let drawn: Vec<_> = (0..count).map(|index| Function::draw(&options, 1, index)).collect();
    let rate = |start: Instant| count as f64 / start.elapsed().as_secs_f64();
    println!("functions with their optima: {:.0} a second and core", rate(start));
    for teachers in ["designed", "random", "tpe"] {
        let parsed: Teachers = teachers.parse()?;
        let start = Instant::now();
        for index in 0..count {
            trajectories::record(&options, &parsed, 64, 1, index)?;
        }
        println!("trajectories of 64 trials, {teachers}: {:.0} a second and core", rate(start));
    }

    let traits: Vec<Traits> = drawn.iter().map(Traits::of).collect();
    println!("diversity: {:.1} of {CLASSES} classes", effective_classes(&traits));
    let on_bound = traits.iter().filter(|traits| traits.on_bound).count();
    println!("optima on a bound: {:.0} %", 100.0 * on_bound as f64 / count as f64);
    let quartiles = |name: &str, of: fn(&Traits) -> f64| {
        let mut values: Vec<f64> = traits.iter().map(of).collect();
        values.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| values[(share * (values.len() - 1) as f64) as usize];
        println!(
            "{name}: {:.2} {:.2} {:.2} {:.2} {:.2}",
            at(0.05),
            at(0.25),
            at(0.5),
            at(0.75),
            at(0.95)
        );
    };
    println!("quantiles at 5, 25, 50, 75, 95 %:");
    quartiles("  smoothness", |traits| traits.smoothness);
    quartiles("  linearity ", |traits| traits.linearity);
    quartiles("  median    ", |traits| traits.median);
    quartiles("  depth     ", |traits| traits.depth);

    let mut families: BTreeMap<_, Vec<&Traits>> = BTreeMap::new();
    for (one, traits) in drawn.iter().zip(&traits) {
        families.entry(one.function.family).or_default().push(traits);
    }
    println!("families (functions, median smoothness, median linearity, optima on a bound):");
    for (family, traits) in families {
        let median = |of: fn(&Traits) -> f64| {
            let mut values: Vec<f64> = traits.iter().map(|traits| of(traits)).collect();
            values.sort_unstable_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let (smoothness, linearity) = (median(|one| one.smoothness), median(|one| one.linearity));
        let on_bound = traits.iter().filter(|traits| traits.on_bound).count();
        let (count, share) = (traits.len(), 100 * on_bound / traits.len());
        println!("  {family:?}: {count}, {smoothness:.2}, {linearity:.2}, {share} %");
    }

    // Against a search with some forty times the evaluations, which goes on from the same point and from many others.
    let mut regrets: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for mut one in drawn.into_iter().take(200) {
        let before = one.optimum.loss;
        for _ in 0..20_000 {
            let values = one.function.uniform(&mut one.generator);
            one.optimum.improve(&one.function, &values, &mut one.generator);
        }
        for step in 0..30_000 {
            let scale = 10f64.powf(-0.5 - 3.5 * f64::from(step % 1000) / 1e3);
            let values = one.function.near(&one.optimum.values.clone(), scale, &mut one.generator);
            one.optimum.improve(&one.function, &values, &mut one.generator);
        }
        let range = one.survey.quantile(0.75) - one.optimum.loss;
        let regret = (before - one.optimum.loss) / range;
        regrets.entry(one.function.structure.kinds.len()).or_default().push(regret);
    }
    println!(
        "regret of the optima, in units of third quartile − optimum (parameters: median, 90 %, mean):"
    );
    for (dimensions, mut regrets) in regrets {
        regrets.sort_unstable_by(f64::total_cmp);
        let mean = regrets.iter().sum::<f64>() / regrets.len() as f64;
        let at = |share: f64| regrets[(share * (regrets.len() - 1) as f64) as usize];
        println!("  {dimensions}: {:.4} {:.4} {mean:.4} ({})", at(0.5), at(0.9), regrets.len());
    }
    Ok(())
}
