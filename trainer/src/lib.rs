//! Makes the weights of OptiFormer, and judges them.
//!
//! Data flows one way: [`generators`] draw functions, [`trajectories`] records studies of them,
//! [`dataset`] keeps the records and turns them into [`sequence`]s, [`training`] fits a [`network`]
//! to those, [`export`] writes weights that the runtime opens, and [`evaluation`] judges samplers.
//! [`prior`] shows what is learned from.

pub mod commands;
pub mod criteria;
pub mod dataset;
pub mod device;
pub mod episodes;
pub mod evaluation;
pub mod export;
pub mod generators;
pub mod network;
pub mod prior;
pub mod problem;
pub mod random;
pub mod sequence;
pub mod smoke;
pub mod text;
pub mod training;
pub mod trajectories;
