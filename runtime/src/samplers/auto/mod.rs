//! The best mixture of samplers that was found.

mod options;

pub use options::AutoOptions;

use alloc::sync::Arc;

use super::{
    GpSampler, LocalSearchSampler, OptiFormerOptions, OptiFormerSampler, Request, Sampler,
    Suggestion, TpeSampler, tried_set::TriedSet,
};
use crate::{ErrorKind, Result, model::Model, space::Configuration};

/// Asks other samplers, each where it is best: what to use where nothing speaks for another.
///
/// Which one is asked depends on the number of the trial alone, and all of them look at the whole history, whoever made it.
/// The defaults of [`AutoOptions`] were chosen by measurement on problems that nothing is reported on.
///
/// The default is without a model.
#[derive(Debug, Default)]
pub struct AutoSampler {
    options: AutoOptions,
    learned: Option<OptiFormerSampler>,
    process: GpSampler,
    local: LocalSearchSampler,
    parzen: TpeSampler,
}

/// Who is asked for a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Learned,
    Process,
    Local,
    Parzen,
}

impl AutoSampler {
    /// A mixture with these options; without a model, the learned sampler's trials are the Gaussian process's.
    ///
    /// # Errors
    ///
    /// Those of [`OptiFormerSampler::new`].
    pub fn new(model: Option<Arc<Model>>, options: AutoOptions) -> Result<Self> {
        let learned = model
            .map(|model| OptiFormerSampler::new(model, OptiFormerOptions::default()))
            .transpose()?;
        Ok(Self {
            options,
            learned,
            process: GpSampler::default(),
            local: LocalSearchSampler::default(),
            parzen: TpeSampler::default(),
        })
    }

    /// The options.
    pub fn options(&self) -> &AutoOptions {
        &self.options
    }

    fn turn(&self, number: u64) -> Turn {
        let AutoOptions {
            learned_until,
            local_until,
            refine_from,
            refine_every,
            long_from,
            long_every,
        } = self.options;
        let falls = |from: u64, every: u64| {
            every > 0 && number >= from && (number - from) % every == every - 1
        };
        if number < learned_until && self.learned.is_some() {
            Turn::Learned
        } else if number < local_until || falls(refine_from, refine_every) {
            Turn::Local
        } else if falls(long_from, long_every) {
            Turn::Parzen
        } else {
            Turn::Process
        }
    }
}

impl Sampler for AutoSampler {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn suggest(&mut self, request: &Request<'_>) -> Result<Configuration> {
        Ok(self.explain(request)?.configuration)
    }

    fn explain(&mut self, request: &Request<'_>) -> Result<Suggestion> {
        match self.turn(request.number) {
            Turn::Learned => {
                let learned =
                    self.learned.as_mut().expect("a turn of the learned sampler needs one");
                match learned.explain(request) {
                    // A space that the vocabulary cannot say.
                    Err(error) if error.kind() == ErrorKind::Unsupported => {
                        self.process.explain(request)
                    }
                    suggestion => suggestion,
                }
            }
            Turn::Process => self.process.explain(request),
            Turn::Local => self.local.explain(request),
            Turn::Parzen => {
                let suggestion = self.parzen.explain(request)?;
                if TriedSet::new(request).contains(&suggestion.configuration) {
                    return self.process.explain(request);
                }
                Ok(suggestion)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;
    use crate::{
        model::{Config, Precision},
        space::{Parameter, Space},
        trial::Observation,
    };

    fn asked(sampler: &mut AutoSampler, space: &Space, trials: u64) -> Vec<&'static str> {
        let mut history = Vec::new();
        (0..trials)
            .map(|number| {
                let request = Request { space, history: &history, pending: &[], number, seed: 4 };
                let suggestion = sampler.explain(&request).unwrap();
                let x = suggestion.configuration.get(0).unwrap();
                history.push(Observation {
                    configuration: suggestion.configuration,
                    loss: Some((x - 0.3) * (x - 0.3)),
                });
                suggestion.explanation.sampler
            })
            .collect()
    }

    #[test]
    fn each_is_asked_in_its_turn() {
        let config = Config {
            hidden_size: 32,
            layers: 1,
            heads: 2,
            feed_forward_size: 32,
            ..Config::pico()
        };
        let model = Arc::new(Model::random(config, 5, Precision::default()).unwrap());
        let options = AutoOptions {
            learned_until: 3,
            local_until: 5,
            refine_from: 9,
            refine_every: 3,
            long_from: 14,
            long_every: 2,
        };
        let space = Space::new(vec![Parameter::float("x", 0.0, 1.0)]).unwrap();
        let expected = [
            "optiformer",
            "optiformer",
            "optiformer",
            "local_search",
            "local_search",
            "gp",
            "gp",
            "gp",
            "gp",
            "gp",
            "gp",
            "local_search",
            "gp",
            "gp",
            "local_search",
            "tpe",
            "gp",
            "local_search",
        ];
        let mut sampler = AutoSampler::new(Some(Arc::clone(&model)), options.clone()).unwrap();
        assert_eq!(asked(&mut sampler, &space, 18), expected);
        // Without a model the next in turn takes its place, and the process does in spaces that the vocabulary cannot say.
        let mut sampler = AutoSampler::new(None, options.clone()).unwrap();
        assert_eq!(asked(&mut sampler, &space, 4), ["local_search"; 4]);
        let wide = (0..70).map(|index| Parameter::float(alloc::format!("x{index}"), 0.0, 1.0));
        let wide = Space::new(wide.collect()).unwrap();
        let mut sampler = AutoSampler::new(Some(model), options).unwrap();
        assert_eq!(asked(&mut sampler, &wide, 4), ["gp", "gp", "gp", "local_search"]);
    }

    #[test]
    fn what_is_always_refined_is_never_asked_of_another() {
        let options = AutoOptions { refine_every: 1, long_from: 16, ..AutoOptions::default() };
        let space = Space::new(vec![Parameter::float("x", 0.0, 1.0)]).unwrap();
        let asked = asked(&mut AutoSampler::new(None, options).unwrap(), &space, 22);
        assert_eq!(asked[15..], ["local_search"; 7]);
    }

    #[test]
    fn a_small_space_is_tried_without_repeating() {
        let options =
            AutoOptions { refine_from: 8, long_from: 9, long_every: 2, ..AutoOptions::default() };
        let choices = ["a", "b", "c", "d"];
        let space =
            Space::new(vec![Parameter::int("n", 1, 6), Parameter::categorical("kind", choices)]);
        let space = space.unwrap();
        let mut sampler = AutoSampler::new(None, options).unwrap();
        let mut history: Vec<Observation> = Vec::new();
        for number in 0..24 {
            let request =
                Request { space: &space, history: &history, pending: &[], number, seed: 2 };
            let configuration = sampler.suggest(&request).unwrap();
            assert!(history.iter().all(|trial| trial.configuration != configuration), "{number}");
            let loss = configuration.values().iter().flatten().sum();
            history.push(Observation { configuration, loss: Some(loss) });
        }
    }
}
