//! What a tuning problem is: a space and an objective. And what it is made of, for the generators
//! that draw problems and the data sets that record them: the kinds of its parameters, when each is
//! active, and the family of its landscape.

mod family;
mod kind;
mod objective;

pub use family::FunctionFamily;
pub use kind::{Activation, ParameterKind, active, space};
pub use objective::{Objective, Problem};
