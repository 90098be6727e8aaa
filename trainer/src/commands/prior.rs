//! `optiformer-trainer prior`: what the model learns from, for people.

use std::{path::PathBuf, time::Instant};

use clap::Args;
use optiformer::{Error, ErrorKind, Result};

use crate::{
    criteria::Criteria,
    generators::FunctionOptions,
    prior::{self, checks, page},
    trajectories::{self, TeacherMixture},
};

/// Draws functions as `generate` does, and says what they are like: shares and checks on all of
/// them, pictures of some.
///
/// Ends with an error when a check fails.
#[derive(Args, Debug)]
pub struct Prior {
    /// The page to write: HTML, with everything in it.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// How many functions to draw; 200 at least, for the shares to say anything.
    #[arg(long, default_value_t = 2000)]
    functions: u64,
    /// How many of them to picture.
    #[arg(long, default_value_t = 72)]
    pictures: usize,
    /// Trials of each trajectory.
    #[arg(long, default_value_t = 50)]
    trials: usize,
    /// Who proposes the trials, as `generate` has it.
    #[arg(long, default_value = "tpe:3,random:1,oracle_guided:6")]
    teachers: String,
    /// Seed of everything.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Measures how many trajectories of 50 trials each teacher makes a second on one core, too.
    #[arg(long)]
    speed: bool,
}

impl Prior {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// Options out of range, a check that fails, what the file system says.
    pub fn run(&self) -> Result<()> {
        let refuse = |what: String| Err(Error::new(ErrorKind::InvalidValue, what));
        if self.functions < checks::FEWEST {
            return refuse(format!("--functions must be at least {}", checks::FEWEST));
        }
        if !(2..=1000).contains(&self.trials) {
            return refuse(String::from("--trials must be between 2 and 1000"));
        }
        let teachers: TeacherMixture = self.teachers.parse()?;
        let options = FunctionOptions::default();
        let sample = prior::sample(&options, &teachers, self.functions, self.trials, self.seed)?;
        let statistics = checks::statistics(&sample);
        let mut criteria = Criteria::default();
        checks::check(&sample, &statistics, &mut criteria);
        for statistic in &statistics {
            println!("{}: {}: {}", statistic.group, statistic.what, page::figure(statistic));
        }
        println!("\n{criteria}");
        let made =
            format!("seed {}, {} trials each, teachers {}", self.seed, self.trials, self.teachers);
        let page = page::write(&sample, &statistics, &criteria, self.pictures, &made)?;
        std::fs::write(&self.output, page)?;
        eprintln!("{}", self.output.display());
        if self.speed {
            speed(&options, self.seed)?;
        }
        if criteria.all_passed() {
            Ok(())
        } else {
            refuse(String::from("the prior does not pass its checks"))
        }
    }
}

/// Trajectories a second on one core, by teacher.
fn speed(options: &FunctionOptions, seed: u64) -> Result<()> {
    for (teachers, count) in [("oracle_guided", 1500), ("random", 1500), ("tpe", 400)] {
        let parsed: TeacherMixture = teachers.parse()?;
        let start = Instant::now();
        for index in 0..count {
            trajectories::record(options, &parsed, 50, seed, index)?;
        }
        let rate = count as f64 / start.elapsed().as_secs_f64();
        println!("trajectories of 50 trials a second and core, {teachers}: {rate:.0}");
    }
    Ok(())
}
