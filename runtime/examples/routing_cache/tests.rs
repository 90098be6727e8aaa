use std::path::Path;

use serde_json::Value;

use crate::{
    baseline,
    comparison::{Comparison, embedded},
    evaluation::{Evaluator, Timing},
    results,
    text::{KINDS, Part, Traffic},
    thresholds::Thresholds,
};

/// The first requests, of which few are validated and tested on.
fn little_traffic() -> Traffic {
    let mut traffic = Traffic::of(&KINDS);
    traffic.requests.truncate(120);
    traffic
}

/// Thresholds with which the cache answers much.
fn eager() -> Thresholds {
    Thresholds {
        frequency_threshold: 10,
        entropy_threshold: 1.5,
        confidence_threshold: 0.5,
        cache_size: 5000,
        context_window_size: 3,
        ..Thresholds::default()
    }
}

#[test]
fn a_model_that_reads_in_batches_says_the_same_bit_by_bit() {
    let traffic = little_traffic();
    let range = traffic.range(Part::Test);
    let mut evaluator = Evaluator::new(embedded().unwrap(), traffic, range.clone());
    let (earnest, replayed) = evaluator.served_both_ways(&eager(), range);
    assert!(earnest.learned < earnest.bytes, "{earnest:?}");
    assert_eq!(earnest, replayed);
}

#[test]
fn a_cache_that_never_answers_changes_nothing() {
    let traffic = little_traffic();
    let range = traffic.range(Part::Validation);
    let mut evaluator = Evaluator::new(embedded().unwrap(), traffic, range.clone());
    let closed = Thresholds { frequency_threshold: u32::MAX, ..Thresholds::default() };
    let measured = evaluator.measure(&closed, range, Timing::TRIAL);
    assert_eq!(measured.quality_loss, 0.0);
    assert_eq!(measured.learned_pct, 100.0);
    assert!(measured.baseline_perplexity > 1.0 && measured.baseline_perplexity < 16.0);
    assert!(measured.throughput > 0.0 && measured.is_feasible());
}

#[test]
fn a_kept_baseline_is_that_of_the_same_requests() {
    let path = std::env::temp_dir().join(format!("optiformer-baseline-{}", std::process::id()));
    let mut traffic = little_traffic();
    traffic.requests.truncate(6);
    let mut model = embedded().unwrap();
    let mut kept = |range| baseline::from_file(&path, &mut model, &traffic.requests, range);
    let measured = kept(2..4).unwrap();
    assert_eq!(kept(2..4).unwrap(), measured);
    let others = kept(3..5).unwrap();
    assert_eq!(others[0], measured[1]);
    assert_ne!(others[1], measured[0]);
    // A file that is cut is measured again.
    std::fs::write(&path, &std::fs::read(&path).unwrap()[..100]).unwrap();
    assert_eq!(kept(3..5).unwrap(), others);
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_comparison_leaves_its_files() {
    let folder = std::env::temp_dir().join(format!("optiformer-routing-{}", std::process::id()));
    let comparison = Comparison {
        samplers: vec![String::from("auto"), String::from("random")],
        penalized: vec![String::from("gp")],
        seeds: 1,
        trials: 6,
        trial_timing: Timing { requests: 3, repeats: 1 },
        final_timing: Timing { requests: 3, repeats: 1 },
        parts: 3,
    };
    let text = comparison.run(&folder, &little_traffic()).unwrap();
    let read = |path: &Path| -> Value {
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    for study in ["auto-0", "random-0", "gp-penalty-0"] {
        assert!(text.contains(study), "{text}");
        let results = read(&folder.join(study).join(results::RESULTS));
        assert_eq!(results["num_evaluations"], 6);
        let trials = results["all_results"].as_array().unwrap();
        assert_eq!(trials.len(), 6);
        let (mut feasible, mut best) = (0, None);
        for trial in trials {
            let thresholds: Thresholds = serde_json::from_value(trial["params"].clone()).unwrap();
            assert!((10..=200).contains(&thresholds.frequency_threshold), "{thresholds:?}");
            let measured = &trial["measurement"];
            let (loss, score) = (measured["quality_loss"].as_f64(), trial["score"].as_f64());
            if loss <= Some(0.01) {
                feasible += 1;
                best = best.max(score.map(f64::to_bits));
                assert!(score > Some(0.0));
            } else if study == "gp-penalty-0" {
                assert!(score < Some(-100.0));
            }
        }
        assert_eq!(results["num_feasible"], feasible);
        assert_eq!(results["best_score"].as_f64().map(f64::to_bits), best);
        let metadata = read(&folder.join(study).join(results::METADATA));
        assert_eq!(metadata["search_space"]["parameters"].as_array().unwrap().len(), 6);
        assert!(metadata["baseline_throughput"].as_f64() > Some(0.0));
        let summary = std::fs::read_to_string(folder.join(study).join(results::SUMMARY)).unwrap();
        assert!(summary.starts_with("6 trials of "), "{summary}");
        assert_eq!(folder.join(study).join(results::BEST_CONFIG).exists(), feasible > 0);
    }
    let validation = read(&folder.join(results::VALIDATION));
    let configurations = validation["configurations"].as_array().unwrap();
    assert_eq!(configurations.last().unwrap()["name"], "default");
    for one in configurations {
        assert_eq!(one["criteria"].as_array().unwrap().len(), 4);
        assert_eq!(one["speedup"]["values"].as_array().unwrap().len(), 3);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
