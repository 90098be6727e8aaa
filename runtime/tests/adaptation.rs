//! Test-time adaptation of the transformer: it acts, and nothing that is not told leaks into it.
#![cfg(feature = "classical")]

use std::sync::{Arc, LazyLock};

use optiformer::{
    ErrorKind,
    model::{Config, Model, Precision},
    samplers::{
        AdaptationOptimizer, AdaptationOptions, OptiFormerOptions, OptiFormerSampler, Request,
        Sampler, Suggestion,
    },
    space::{Configuration, Parameter, Space},
    trial::Observation,
};

/// Random weights, whose predictions anything that is learned from their errors improves: so the
/// test does not depend on how well the embedded model predicts.
fn model() -> Arc<Model> {
    static MODEL: LazyLock<Arc<Model>> = LazyLock::new(|| {
        let config = Config::pico().with_trial_rows();
        Arc::new(Model::random(config, 5, Precision::default()).unwrap())
    });
    Arc::clone(&MODEL)
}

fn sampler(adaptation: Option<AdaptationOptions>) -> OptiFormerSampler {
    let model = model();
    OptiFormerSampler::new(model, OptiFormerOptions { adaptation, ..Default::default() }).unwrap()
}

fn space() -> Space {
    Space::new(vec![
        Parameter::float("rate", 1e-4, 1.0).log(),
        Parameter::categorical("kind", ["a", "b"]),
        Parameter::float("x", 0.0, 1.0),
    ])
    .unwrap()
}

/// Outcomes in two narrow bands that have nothing to do with the configuration: what the model
/// learns from its errors alone.
fn history(space: &Space, trials: usize) -> Vec<Observation> {
    let of = |index: usize| {
        let unit = [0.37, 0.73, 0.59].map(|step| step * index as f64 % 1.0);
        let loss = if index % 7 == 3 { 0.1 * unit[0] } else { 5.0 + 0.01 * unit[1] };
        Observation::new(space.from_unit(&unit), (index % 11 != 9).then_some(loss))
    };
    (0..trials).map(of).collect()
}

fn ask(
    sampler: &mut OptiFormerSampler,
    history: &[Observation],
    pending: &[Configuration],
) -> Suggestion {
    let (space, number) = (&space(), (history.len() + pending.len()) as u64);
    sampler.explain(&Request { space, history, pending, number, seed: 4 }).unwrap()
}

/// A weak penalty, so that the adaptation has much to say.
fn all() -> [AdaptationOptions; 2] {
    [AdaptationOptions::LBFGS, AdaptationOptions::ADAM_W]
        .map(|options| AdaptationOptions { l2_penalty: 3.0, ..options })
}

#[test]
fn outcomes_not_yet_told_change_no_bit_of_a_suggestion() {
    let history = history(&space(), 44);
    let mut flipped = history.clone();
    for trial in &mut flipped[32..] {
        trial.loss = trial.loss.map_or(Some(-70.0), |loss| Some(1e3 - 9.0 * loss));
    }
    for options in all() {
        let mut differ = 0;
        for told in [28, 30, 32] {
            let pending: Vec<Configuration> =
                history[told..told + 3].iter().map(|trial| trial.configuration.clone()).collect();
            let fresh = ask(&mut sampler(Some(options)), &history[..told], &pending);
            for later in [&history, &flipped] {
                // A sampler that has been asked behind all outcomes, and is then asked as if they
                // had never been told.
                let mut seen = sampler(Some(options));
                ask(&mut seen, later, &[]);
                assert_eq!(ask(&mut seen, &history[..told], &pending), fresh, "{told} told");
            }
            differ += usize::from(ask(&mut sampler(None), &history[..told], &pending) != fresh);
        }
        assert!(differ > 0, "the adaptation has no say");
        // A told outcome does change it.
        let mut changed = history[..32].to_vec();
        changed[31].loss = Some(2.5);
        let one = ask(&mut sampler(Some(options)), &history[..32], &[]);
        assert_ne!(ask(&mut sampler(Some(options)), &changed, &[]), one);
    }
}

#[test]
fn bad_options_are_refused() {
    let model = model();
    let good =
        AdaptationOptions { optimizer: AdaptationOptimizer::AdamW, max_steps: 48, l2_penalty: 1.0 };
    for (adaptation, name) in [
        (AdaptationOptions { max_steps: 0, ..good }, "max_steps"),
        (AdaptationOptions { max_steps: 5000, ..good }, "max_steps"),
        (AdaptationOptions { l2_penalty: 0.0, ..good }, "l2_penalty"),
        (AdaptationOptions { l2_penalty: f64::NAN, ..good }, "l2_penalty"),
    ] {
        let options = OptiFormerOptions { adaptation: Some(adaptation), ..Default::default() };
        let error = OptiFormerSampler::new(Arc::clone(&model), options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidValue);
        assert!(error.context().contains(name), "{error}");
    }
    let options = OptiFormerOptions { adaptation: Some(good), ..Default::default() };
    assert!(OptiFormerSampler::new(model, options).is_ok());
}
