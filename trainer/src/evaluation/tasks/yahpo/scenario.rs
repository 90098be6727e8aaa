//! The scenarios that are used, and what their files do not say.

/// What is known about a scenario beside its files.
pub(super) struct Scenario {
    /// The folder below the suite's.
    pub folder: &'static str,
    /// The parameter that names the data set.
    pub instance: &'static str,
    /// How many instances are used.
    pub instances: usize,
    /// Parameters that say how much is computed for a trial, and are held at their greatest value.
    pub fidelities: &'static [&'static str],
    /// The categories that the network takes, in its order.
    pub categories: &'static [&'static str],
    /// The numbers that the network takes, in its order.
    pub numbers: &'static [&'static str],
    /// How many outputs the network has: other releases have others.
    pub outputs: usize,
    /// The place of the objective among the network's outputs, and whether it is to be maximized.
    pub objective: (usize, bool),
}

/// Validation accuracy of networks, and misclassification of elastic nets: of the official release,
/// for testing.
pub(super) const OFFICIAL: [Scenario; 2] = [
    Scenario {
        folder: "lcbench",
        instance: "OpenML_task_id",
        instances: 12,
        fidelities: &["epoch"],
        categories: &["OpenML_task_id"],
        numbers: &[
            "epoch",
            "batch_size",
            "learning_rate",
            "momentum",
            "weight_decay",
            "num_layers",
            "max_units",
            "max_dropout",
        ],
        outputs: 6,
        objective: (1, true),
    },
    Scenario {
        folder: "iaml_glmnet",
        instance: "task_id",
        instances: 4,
        fidelities: &["trainsize"],
        categories: &["task_id"],
        numbers: &["alpha", "s", "trainsize"],
        outputs: 12,
        objective: (0, false),
    },
];

/// The OpenML data sets of the problems for testing: those of `iaml_glmnet`, and those of LCBench
/// (Zimmer, Lindauer, Hutter, *Auto-PyTorch*, 2021), which knows them by the numbers of their
/// tasks (<https://github.com/automl/LCBench> names them). No model is trained on what any learner
/// does on them.
pub(super) const TEST_DATA_SETS: [&str; 35] = [
    "3", "12", "31", "54", "1067", "1111", "1169", "1461", "1464", "1468", "1486", "1489", "1590",
    "1596", "4135", "23512", "23517", "40668", "40685", "40975", "40981", "40984", "40996",
    "41027", "41138", "41142", "41143", "41146", "41147", "41150", "41164", "41166", "41167",
    "41168", "41169",
];

/// Misclassification of four kinds of models: of the release of 2021, for validation. Outputs then:
/// mmce, f1, auc, logloss, timetrain, timepredict; the official release has nine, and the accuracy
/// in the first place.
pub(super) const EARLIER: [Scenario; 4] = [
    Scenario {
        folder: "rbv2_svm",
        instance: "task_id",
        instances: 6,
        fidelities: &["trainsize", "repl"],
        categories: &["task_id", "kernel", "num.impute.selected.cpo"],
        numbers: &["cost", "gamma", "tolerance", "degree", "trainsize", "repl"],
        outputs: 6,
        objective: (0, false),
    },
    Scenario {
        folder: "rbv2_glmnet",
        instance: "task_id",
        instances: 6,
        fidelities: &["trainsize", "repl"],
        categories: &["task_id", "num.impute.selected.cpo"],
        numbers: &["alpha", "s", "trainsize", "repl"],
        outputs: 6,
        objective: (0, false),
    },
    Scenario {
        folder: "rbv2_aknn",
        instance: "task_id",
        instances: 6,
        fidelities: &["trainsize", "repl"],
        categories: &["task_id", "distance", "num.impute.selected.cpo"],
        numbers: &["k", "M", "ef", "ef_construction", "trainsize", "repl"],
        outputs: 6,
        objective: (0, false),
    },
    Scenario {
        folder: "rbv2_ranger",
        instance: "task_id",
        instances: 6,
        fidelities: &["trainsize", "repl"],
        categories: &[
            "task_id",
            "respect.unordered.factors",
            "splitrule",
            "num.impute.selected.cpo",
        ],
        numbers: &[
            "num.trees",
            "sample.fraction",
            "mtry.power",
            "min.node.size",
            "num.random.splits",
            "trainsize",
            "repl",
        ],
        outputs: 6,
        objective: (0, false),
    },
];
