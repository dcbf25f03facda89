//! The results, as a table and as JSON.

use serde_json::{Value, json};

/// Prints a line of the report.
#[expect(clippy::print_stdout, reason = "a command line tool speaks there")]
pub fn say(line: &str) {
    println!("{line}");
}

/// A figure with its measurements in the order of the rounds.
pub struct Figure {
    pub name: String,
    pub unit: &'static str,
    pub values: Vec<f64>,
}

/// The ratio of a figure to the one that it is compared with.
pub struct Ratio {
    pub name: String,
    pub value: f64,
    /// The target: an upper bound for `at_most`, else a lower bound.
    pub must: Option<f64>,
    pub at_most: bool,
}

/// The results of one scenario.
#[derive(Default)]
pub struct Report {
    pub scenario: &'static str,
    pub figures: Vec<Figure>,
    pub ratios: Vec<Ratio>,
    pub notes: Vec<String>,
}

impl Report {
    pub fn new(scenario: &'static str) -> Self {
        Self { scenario, ..Self::default() }
    }

    /// Adds a measurement to the figure of this name.
    pub fn add(&mut self, name: &str, unit: &'static str, value: f64) {
        match self.figures.iter_mut().find(|figure| figure.name == name) {
            Some(figure) => figure.values.push(value),
            None => self.figures.push(Figure { name: name.into(), unit, values: vec![value] }),
        }
    }

    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    fn values(&self, name: &str) -> &[f64] {
        self.figures.iter().find(|figure| figure.name == name).map_or(&[], |figure| &figure.values)
    }

    /// The median of the ratios of each round, since the load of the machine changes between
    /// rounds.
    pub fn ratio(&mut self, figure: &str, to: &str, must: Option<f64>, at_most: bool) {
        let pairs = self.values(figure).iter().zip(self.values(to));
        let ratios: Vec<f64> = pairs.map(|(a, b)| a / b).filter(|ratio| ratio.is_finite()).collect();
        if !ratios.is_empty() {
            let name = format!("{figure} / {to}");
            self.ratios.push(Ratio { name, value: median(&ratios), must, at_most });
        }
    }

    /// Adds a bound on a figure.
    pub fn bound(&mut self, figure: &str, must: f64) {
        let values = self.values(figure);
        if !values.is_empty() {
            let value = median(values);
            self.ratios.push(Ratio { name: figure.into(), value, must: Some(must), at_most: true });
        }
    }

    pub fn print(&self) {
        say(&format!("\n## {}\n", self.scenario));
        say("| figure | unit | median | all |\n|---|---|---:|---|");
        for figure in &self.figures {
            let all: Vec<String> = figure.values.iter().map(|value| number(*value)).collect();
            let median = number(median(&figure.values));
            say(&format!("| {} | {} | {median} | {} |", figure.name, figure.unit, all.join(" / ")));
        }
        if !self.ratios.is_empty() {
            say("\n| measured beside | reached | must | |\n|---|---:|---:|---|");
        }
        for ratio in &self.ratios {
            let (must, met) = match ratio.must {
                Some(must) => {
                    let met = if ratio.at_most { ratio.value <= must } else { ratio.value >= must };
                    let sign = if ratio.at_most { "≤" } else { "≥" };
                    (format!("{sign} {}", number(must)), if met { "met" } else { "missed" })
                }
                None => (String::new(), ""),
            };
            say(&format!("| {} | {} | {must} | {met} |", ratio.name, number(ratio.value)));
        }
        for note in &self.notes {
            say(&format!("\n{note}"));
        }
    }

    pub fn to_json(&self) -> Value {
        let figures: Vec<Value> = self
            .figures
            .iter()
            .map(|f| json!({ "name": f.name, "unit": f.unit, "median": median(&f.values), "values": f.values }))
            .collect();
        let ratios: Vec<Value> = self
            .ratios
            .iter()
            .map(|r| json!({ "name": r.name, "value": r.value, "must": r.must, "at_most": r.at_most }))
            .collect();
        json!({ "scenario": self.scenario, "figures": figures, "ratios": ratios, "notes": self.notes })
    }
}

/// The median; 0 without values.
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The value that this share of all values does not exceed; 0 without values.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an index below the length"
)]
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(0.0)
}

fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 1000.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
