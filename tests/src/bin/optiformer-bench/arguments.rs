//! The command line, parsed by hand, so that the program builds with the default features.

use std::path::PathBuf;

use optiformer::model::{PRESETS, Precision};

/// The output of `--help`.
pub const USAGE: &str = "\
optiformer-bench: how long the transformer's workloads take

  W1 prefill      600 tokens into an empty cache
  W2 decode       12 tokens one by one behind those 600, the logits of the whole vocabulary after each
  W3 tell + ask   12 tokens appended together, then 12 one by one
  W4 candidates   64 continuations of 11 tokens behind the same 600, and the logits after each

Without --model-dir: one JSON line for each preset, precision, number of threads and workload; random weights.

  --presets LIST        of pico,nano,small,base,large        [pico,nano,base]
  --precision LIST      of f32,f16,int8                      [f32,int8]
  --threads LIST        for continuations                    [1]
  --asks true           whole suggestions instead, of the embedded pico weights: six parameters, after 10, 50, 100
                        and 200 trials
  --trials N            instead what a suggestion behind N trials in six parameters asks of a model that reads a row a
                        trial: writing the rows, what they are to the layers (which is part of the next two), the pass
                        of the history, that of 256 candidates, their scores' logits with expected improvement; and the
                        whole of it
  --repetitions N       of which the median is printed       [21]

With --model-dir DIR (config.json and model.safetensors as Hugging Face's LlamaForCausalLM saves them): loads the model
in the first precision, with the first number of threads, prints {\"ready\":true,...} and answers lines on standard input: `W1 3`
measures W1 three times, `rss` tells the memory, `quit` ends.";

/// The parsed arguments.
#[derive(Debug)]
pub struct Arguments {
    /// Print the usage only.
    pub help: bool,
    /// A folder with a model.
    pub folder: Option<PathBuf>,
    /// Names of presets.
    pub presets: Vec<String>,
    /// Precisions.
    pub precisions: Vec<Precision>,
    /// Numbers of threads.
    pub threads: Vec<usize>,
    /// Measure whole suggestions.
    pub asks: bool,
    /// Measure suggestions after this number of trials, unless it is 0.
    pub trials: usize,
    /// Number of measurements of each workload.
    pub repetitions: usize,
}

impl Arguments {
    /// Parses the arguments after the program's name.
    pub fn read(mut rest: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut all = Self {
            help: false,
            folder: None,
            presets: ["pico", "nano", "base"].map(String::from).to_vec(),
            precisions: vec![Precision::F32, Precision::Int8],
            threads: vec![1],
            asks: false,
            trials: 0,
            repetitions: 21,
        };
        while let Some(option) = rest.next() {
            if option == "--help" || option == "-h" {
                all.help = true;
                return Ok(all);
            }
            let value = rest.next().ok_or_else(|| format!("{option} needs a value"))?;
            match option.as_str() {
                "--model-dir" => all.folder = Some(PathBuf::from(value)),
                "--asks" => all.asks = value == "true",
                "--presets" => all.presets = list(&option, &value, preset)?,
                "--precision" => all.precisions = list(&option, &value, precision)?,
                "--threads" => all.threads = list(&option, &value, positive)?,
                "--trials" => {
                    all.trials = positive(&value).ok_or("--trials: not a number above 0")?;
                }
                "--repetitions" => {
                    all.repetitions =
                        positive(&value).ok_or("--repetitions: not a number above 0")?
                }
                _ => return Err(format!("unknown option {option}")),
            }
        }
        Ok(all)
    }
}

fn list<T>(option: &str, value: &str, read: fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    let read = |part| read(part).ok_or_else(|| format!("{option}: \"{part}\" is not one of them"));
    value.split(',').map(read).collect()
}

fn preset(name: &str) -> Option<String> {
    PRESETS.contains(&name).then(|| name.to_string())
}

fn positive(text: &str) -> Option<usize> {
    text.parse().ok().filter(|number| *number > 0)
}

fn precision(name: &str) -> Option<Precision> {
    Precision::by_name(name).ok()
}
