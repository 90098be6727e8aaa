//! Options of the generators.

/// The most parameters a function can be drawn with.
pub const MAX_DIMENSIONS: usize = 20;

/// How functions are drawn.
#[derive(Clone, Debug)]
pub struct FunctionOptions {
    /// The most parameters a function may have.
    pub max_dimensions: usize,
    /// Share of functions whose parameters are all continuous.
    pub continuous: f64,
    /// Share of mixed functions of two parameters or more in which some parameters are active only
    /// for some values of another.
    pub conditional: f64,
    /// Share of the other mixed functions of two parameters or more in which a categorical
    /// parameter chooses the landscape.
    pub switched: f64,
    /// Share of functions whose observations are noisy.
    pub noisy: f64,
    /// Share of functions with a region in which trials crash.
    pub failing: f64,
    /// Whether learners in closed form are among the families.
    pub learners: bool,
}

impl Default for FunctionOptions {
    fn default() -> Self {
        Self {
            max_dimensions: 20,
            continuous: 0.3,
            conditional: 0.25,
            switched: 0.12,
            noisy: 0.4,
            failing: 0.1,
            learners: true,
        }
    }
}

impl FunctionOptions {
    /// The options as checkpoints name them: a format of its own, which renamed fields leave as it
    /// is.
    pub(crate) fn settings(&self) -> String {
        let Self { max_dimensions, continuous, conditional, switched, noisy, failing, learners } =
            self;
        let learners = if *learners { "" } else { ", learners: false" };
        format!(
            "FunctionOptions {{ most_dimensions: {max_dimensions}, continuous: {continuous:?}, \
             conditional: {conditional:?}, switched: {switched:?}, noisy: {noisy:?}, \
             crashing: {failing:?}{learners} }}"
        )
    }
}
