//! Compares the kernel set with the estimator that is fitted from scratch, bit by bit.

use alloc::{vec, vec::Vec};

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{super::parzen::ParzenEstimator, *};
use crate::space::Domain;

fn domains(kinds: &str) -> Vec<Domain> {
    let all = [
        Domain::Float { low: -2.0, high: 3.0, log: false, step: None },
        Domain::Categorical { choices: vec!["a".into(), "b".into(), "c".into()] },
        Domain::Int { low: 0.0, high: 9.0, log: false, step: 1.0 },
        Domain::Float { low: 1e-4, high: 1.0, log: true, step: None },
        // Its upper values are points, its lower ones cells.
        Domain::Int { low: 1.0, high: 1e6, log: true, step: 1.0 },
        Domain::Float { low: 0.0, high: 1.0, log: false, step: Some(0.25) },
    ];
    match kinds {
        "floats" => (0..13).map(|index| all[3 * (index % 2)].clone()).collect(),
        "one" => vec![all[0].clone()],
        "choices" => vec![all[1].clone(); 2],
        _ => all.to_vec(),
    }
}

fn draw(rng: &mut Xoshiro256PlusPlus, domains: &[Domain], around: f64) -> Vec<f64> {
    let mut place = |domain: &Domain| {
        let spread = if around > 0.0 { 0.02 } else { 1.0 };
        let unit = (around + spread * rng.random::<f64>()).min(1.0);
        let value = domain.from_unit(unit);
        if domain.is_categorical() { value } else { domain.to_unit(value) }
    };
    domains.iter().map(&mut place).collect()
}

/// Adds, moves and removes trials, and compares after each change.
fn compare(kinds: &str, options: &TpeOptions, trials: usize, around: f64) {
    let owned = domains(kinds);
    let domains: Vec<&Domain> = owned.iter().collect();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    let (mut kernel_set, mut density) = (KernelSet::new(&domains), Density::default());
    let mut rows: Vec<Vec<f64>> = Vec::new();
    let mut wanted: Vec<bool> = Vec::new();
    let (mut plain, mut source) = (ParzenEstimator::default(), ParzenEstimator::default());
    for step in 0..16 {
        let arriving = if step == 0 { trials } else { step % 3 };
        for _ in 0..arriving {
            // Some trials repeat an earlier one.
            let again = rows.len() > 3 && rng.random::<f64>() < 0.1;
            let row = if again { rows[1].clone() } else { draw(&mut rng, &owned, around) };
            kernel_set.push(row.iter().copied());
            rows.push(row);
            wanted.push(true);
        }
        for _ in 0..3 {
            let row = rng.random_range(0..rows.len());
            wanted[row] = rng.random::<bool>();
        }
        if step % 5 == 4 {
            rows.truncate(rows.len() - 3);
            wanted.truncate(rows.len());
            kernel_set.truncate(options, rows.len());
        }
        kernel_set.set_members(options, |row, _| wanted[row]);
        let members: Vec<&Vec<f64>> =
            rows.iter().zip(&wanted).filter_map(|(row, wanted)| wanted.then_some(row)).collect();
        assert_eq!(kernel_set.count(), members.len());
        // As for the good trials, candidates come from few of them.
        let few = rows.len().min(5);
        source.fit(options, &domains, few, |dimension, trial| rows[trial][dimension]);
        let mut intervals = Vec::new();
        (0..11).for_each(|_| source.sample(&mut rng, &domains, &mut intervals));
        plain.fit(options, &domains, members.len(), |dimension, trial| members[trial][dimension]);
        let (mut expected, mut got) = (Vec::new(), Vec::new());
        plain.log_density(&intervals, &mut expected);
        density.log_density(options, &kernel_set, &intervals, &mut got);
        let bits = |numbers: &[f64]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&got), bits(&expected), "{kinds}, step {step}: {got:?}, {expected:?}");
    }
}

#[test]
fn a_crowd_has_the_density_of_a_fresh_estimator() {
    let plain = TpeOptions::default();
    let sharp =
        TpeOptions { consider_magic_clip: false, consider_endpoints: true, ..plain.clone() };
    let heavy = TpeOptions { prior_weight: 1e3, ..plain.clone() };
    for kinds in ["floats", "mixed", "one", "choices"] {
        for trials in [4, 60, 400] {
            for (options, around) in [(&plain, 0.0), (&plain, 0.7), (&sharp, 0.0), (&heavy, 0.3)] {
                compare(kinds, options, trials, around);
            }
        }
    }
}

#[test]
fn most_kernels_are_left_out() {
    let owned = domains("floats");
    let domains: Vec<&Domain> = owned.iter().collect();
    let (options, mut rng) = (TpeOptions::default(), Xoshiro256PlusPlus::seed_from_u64(1));
    let mut kernel_set = KernelSet::new(&domains);
    for _ in 0..500 {
        kernel_set.push(draw(&mut rng, &owned, 0.0).into_iter());
    }
    kernel_set.set_members(&options, |_, _| true);
    let mut source = ParzenEstimator::default();
    source.fit(&options, &domains, 3, |dimension, trial| kernel_set.center(trial, dimension));
    let (mut intervals, mut density) = (Vec::new(), Density::default());
    (0..8).for_each(|_| source.sample(&mut rng, &domains, &mut intervals));
    density.log_density(&options, &kernel_set, &intervals, &mut Vec::new());
    // Of 500 random trials in thirteen dimensions few are near a candidate; the prior always
    // counts.
    let kept: Vec<usize> = density.terms.iter().map(Vec::len).collect();
    assert!(kept.iter().all(|kept| (1..100).contains(kept)), "{kept:?}");
}
