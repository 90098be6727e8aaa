//! Black-box optimization that a program can link: ask for a trial, tell how it went.
//!
//! The crate has ten samplers behind one interface: Gaussian processes, tree-structured Parzen
//! estimators, CMA-ES, local search with quadratic models, a transformer trained on synthetic
//! studies, Hyperband over a fidelity, and the usual baselines. It takes floats, ints, categoricals
//! and conditional parameters, failed, pruned and parallel trials, and needs no other library at
//! run time.
//!
//! # Quick start
//!
//! ```
//! use optiformer::{AutoSampler, Direction, Outcome, Parameter, Space, Study};
//!
//! // What may be tried.
//! let space = Space::new(vec![
//!     Parameter::float("learning_rate", 1e-4, 1.0).log(),
//!     Parameter::int("units", 4, 256),
//!     Parameter::categorical("optimizer", ["sgd", "adam"]),
//!     Parameter::float("momentum", 0.0, 0.99).when("optimizer", ["sgd"]),
//! ])?;
//! let mut study = Study::new(space, Direction::Minimize, Box::new(AutoSampler::default()), 0);
//! for _ in 0..30 {
//!     let trial = study.ask()?;
//!     let rate = trial.configuration.get(0).unwrap();
//!     let units = trial.configuration.get(1).unwrap();
//!     // Here a program would train a model; an inactive parameter is `None`.
//!     let loss = (rate.ln() + 4.0).powi(2) + (units / 64.0 - 1.0).powi(2);
//!     study.tell(trial.id, Outcome::Value(loss))?;
//! }
//! assert!(study.best().unwrap().value().unwrap() < 1.0);
//! # Ok::<(), optiformer::Error>(())
//! ```
//!
//! With the feature `std`, [`StoredStudy`] keeps a study in a file that survives a killed process.
//! To use a sampler without a study, build a [`Request`](samplers::Request) and call
//! [`Sampler::suggest`].
//!
//! # Samplers
//!
//! | name | type | method | for |
//! |---|---|---|---|
//! | `auto` | [`AutoSampler`] | a schedule of the samplers below | everything; the default |
//! | `gp` | [`GpSampler`] | Gaussian process, expected improvement | up to some hundred trials |
//! | `optiformer` | [`OptiFormerSampler`] | a transformer ranks candidates | research |
//! | `tpe` | [`TpeSampler`] | tree-structured Parzen estimator | thousands of trials |
//! | `cma_es` | [`CmaEsSampler`] | CMA-ES with margin and restarts | correlated floats |
//! | `local_search` | [`LocalSearchSampler`] | quadratic model in a trust region | smooth losses |
//! | `hyperband` | [`HyperbandSampler`] | successive halving over a fidelity | cheap trials |
//! | `grid` | [`GridSampler`] | every combination of even levels | few parameters; a table |
//! | `sobol` | [`SobolSampler`] | scrambled Sobol sequence | an even design; a baseline |
//! | `random` | [`RandomSampler`] | uniform draws | a baseline |
//!
//! [`samplers::by_name`] makes one from its name. Each type documents its options and the papers
//! it follows.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `std` | yes | files: weights, journals, memory mapping; threads |
//! | `classical` | yes | every sampler but `random` and `optiformer` |
//! | `pico` | yes | the trained weights, 1.6 MB, embedded |
//! | `gpu` | no | a wgpu implementation of the forward pass |
//! | `cli` | no | the tool `optiformer` |
//!
//! Without `std` the crate is `no_std` and needs `alloc`: it runs on microcontrollers and in
//! WebAssembly.
//!
//! # Determinism
//!
//! A suggestion depends on the space, the history, the pending trials, the trial's number, the
//! seed and, for `optiformer`, the weights; on nothing else. Caches and threads change its time
//! and never its value, so a study that is stored, stopped and resumed continues as if it had not
//! stopped. The classical samplers give the same bits on every processor. The transformer's
//! kernels differ in rounding between instruction sets.
//!
//! # Where the mathematics is
//!
//! Each sampler's type names its papers, and the functions name equations: see the source of
//! `samplers/gp` (kernel, likelihood, posterior, acquisition), `samplers/tpe`, `samplers/cma_es`
//! and `samplers/local_search`. The transformer's forward pass is in `model` and `kernels`, with a
//! plain twin in `model/reference.rs`.
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod acquisition;
mod brackets;
mod error;
mod generation;
#[cfg(feature = "gpu")]
pub mod gpu;
mod kernels;
mod math;
pub mod model;
pub mod samplers;
pub mod space;
pub mod study;
pub mod tokenizer;
pub mod trial;
pub mod unstable;

pub use error::{Error, ErrorKind, Result};
#[doc(no_inline)]
pub use model::Model;
#[cfg(feature = "classical")]
#[doc(no_inline)]
pub use samplers::{
    AutoSampler, CmaEsSampler, GpSampler, GridSampler, HyperbandSampler, LocalSearchSampler,
    SobolSampler, TpeSampler,
};
#[doc(no_inline)]
pub use samplers::{OptiFormerSampler, RandomSampler, Sampler};
#[doc(no_inline)]
pub use space::{Configuration, Domain, Parameter, Space};
#[cfg(feature = "std")]
#[doc(no_inline)]
pub use study::StoredStudy;
#[doc(no_inline)]
pub use study::{Direction, Outcome, Study, Trial};

/// The examples of the README, which the tests run.
#[cfg(all(doctest, feature = "std", feature = "classical"))]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The example of the page for Rust.
#[cfg(all(doctest, feature = "std", feature = "classical", feature = "pico"))]
#[doc = include_str!("../../docs/rust.md")]
struct RustPage;
