//! The parts of a suggestion by a model that reads one row per trial: 100 trials in six parameters
//! are told, and 256 candidates ranked.

use std::time::Instant;

use optiformer::{
    Result,
    model::{Cache, Model, Workspace},
    space::{Parameter, SearchBox, Space},
    tokenizer::{
        ScoreScale,
        rows::{RowTokenizer, Rows},
    },
    trial::Observation,
    unstable::acquisition::{self, Improvement, Prediction},
};

use crate::workloads::{Times, cpu_seconds};

/// The parts of a suggestion and the whole of it, by name.
pub const PARTS: [&str; 6] = [
    "trials rows",
    "trials embed",
    "trials history",
    "trials questions",
    "trials scores",
    "trials",
];

const PARAMETERS: usize = 6;
const CANDIDATES: usize = 256;

/// A model with a history and candidates.
pub struct TrialBench {
    model: Model,
    tokenizer: RowTokenizer,
    search_box: SearchBox,
    trials: Vec<Observation>,
    scale: ScoreScale,
    candidates: Vec<Observation>,
    history: Rows,
    questions: Rows,
    cache: Cache,
    workspace: Workspace,
    vectors: Vec<f32>,
    predictions: Vec<Prediction>,
    improvement: Improvement,
}

impl TrialBench {
    /// A benchmark with a history of `trials` trials.
    pub fn new(model: Model, trials: usize) -> Result<Self> {
        let names = (0..PARAMETERS).map(|index| Parameter::float(format!("x{index}"), 0.0, 1.0));
        let space = Space::new(names.collect())?;
        let point = |index: usize| {
            // Korobov's lattice: spread out, the same every time.
            let unit: Vec<f64> =
                (1..=PARAMETERS).map(|power| (index * power * 76 % 997) as f64 / 997.0).collect();
            let loss = unit.iter().map(|x| (x - 0.4) * (x - 0.4)).sum();
            Observation::new(space.from_unit(&unit), Some(loss))
        };
        let all: Vec<Observation> = (1..=trials + CANDIDATES).map(point).collect();
        let (trials, candidates) = all.split_at(trials);
        let hidden = model.config().hidden_size;
        let mut bench = Self {
            tokenizer: RowTokenizer::new(&space)?,
            search_box: SearchBox::whole(PARAMETERS),
            trials: trials.to_vec(),
            scale: ScoreScale::fit(trials.iter().filter_map(|trial| trial.loss)),
            candidates: candidates.to_vec(),
            history: Rows::new(),
            questions: Rows::new(),
            cache: model.cache(model.config().max_positions),
            workspace: Workspace::new(),
            vectors: vec![0.0; (trials.len() + 32 + CANDIDATES) * hidden],
            predictions: Vec::new(),
            improvement: Improvement::in_scores(0.1),
            model,
        };
        bench.run("trials")?;
        Ok(bench)
    }

    /// Sets the number of threads for questions.
    pub fn set_threads(&mut self, threads: usize) {
        self.workspace.set_threads(threads);
    }

    /// Measures a part, each time after the parts before it.
    pub fn times(&mut self, part: &str, repetitions: usize) -> Result<Times> {
        let mut times = Times { wall_ms: Vec::new(), cpu_ms: Vec::new() };
        for _ in 0..repetitions {
            self.run("trials")?;
            let (wall, cpu) = (Instant::now(), cpu_seconds());
            self.run(part)?;
            times.cpu_ms.push((cpu_seconds() - cpu) * 1e3);
            times.wall_ms.push(wall.elapsed().as_secs_f64() * 1e3);
        }
        Ok(times)
    }

    fn run(&mut self, part: &str) -> Result<()> {
        let hidden = self.model.config().hidden_size;
        match part {
            "trials rows" => self.write(),
            "trials embed" => {
                for rows in [&self.history, &self.questions] {
                    let vectors = &mut self.vectors[..rows.len() * hidden];
                    self.model.embedded_rows(rows, &mut self.workspace, vectors)?;
                }
            }
            "trials history" => {
                self.model.history(&mut self.cache, &self.history, &mut self.workspace)?;
            }
            "trials questions" => {
                self.model.questions(&self.cache, &self.questions, &mut self.workspace)?;
            }
            "trials scores" => self.score()?,
            _ => {
                self.write();
                self.run("trials history")?;
                self.run("trials questions")?;
                self.score()?;
            }
        }
        Ok(())
    }

    fn write(&mut self) {
        self.history.clear();
        self.questions.clear();
        self.tokenizer.push_history(&self.trials, &self.scale, &self.search_box, &mut self.history);
        for candidate in &self.candidates {
            let configuration = &candidate.configuration;
            self.tokenizer.push_question(configuration, &self.search_box, &mut self.questions);
        }
    }

    fn score(&mut self) -> Result<()> {
        let Self { model, workspace, predictions, improvement, .. } = self;
        acquisition::predict(model, workspace, 0..CANDIDATES, 1.0, &[], improvement, predictions)
    }
}
