//! The chart of docs/performance.md, drawn from the table under "Beside its peers" in RESULTS.md.
//! Each row of the table is a panel with two bars: Parlor and its peer.

use std::{fmt::Write as _, path::Path};

use anyhow::{Context as _, ensure};

use crate::report::say;

const RECORD: &str = "RESULTS.md";
const HEADING: &str = "## Beside its peers\n";
const PICTURE: &str = "../docs/images/performance.svg";

const WIDTH: u32 = 800;
const PANEL_HEIGHT: u32 = 96;
const MARGIN: u32 = 20;
/// Where the bars begin and how long the longer one of a panel is.
const BARS_AT: u32 = 150;
const BAR_WIDTH: f64 = 520.0;

/// The picture has its own background, so that it is readable on a light and on a dark page.
const STYLE: &str = "
  text { font: 14px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; }
  .note { fill: #59636e; }
  .page { fill: #ffffff; }
  .peer { fill: #aab4bf; }
  .parlor { fill: #4f46e5; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .note { fill: #9198a1; }
    .page { fill: #0d1117; }
    .peer { fill: #57606a; }
    .parlor { fill: #8b87ff; }
  }
";

/// One row of the table.
struct Comparison<'a> {
    measure: &'a str,
    better: &'a str,
    parlor: &'a str,
    peer_name: &'a str,
    peer: &'a str,
}

/// Writes the picture.
pub fn draw() -> anyhow::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let record = std::fs::read_to_string(folder.join(RECORD))?;
    let picture = folder.join(PICTURE);
    std::fs::write(&picture, svg(&comparisons(&record)?)?)?;
    say(&format!("written to {}", picture.display()));
    Ok(())
}

fn comparisons(record: &str) -> anyhow::Result<Vec<Comparison<'_>>> {
    let (_, section) = record.split_once(HEADING).context("the record has no table of peers")?;
    let table = section.lines().skip_while(|line| !line.starts_with('|')).take_while(|l| l.starts_with('|'));
    table
        .skip(2)
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [measure, better, parlor, peer_name, peer] = cells[..] else {
                anyhow::bail!("not five cells: {row}")
            };
            Ok(Comparison { measure, better, parlor, peer_name, peer })
        })
        .collect()
}

fn svg(comparisons: &[Comparison]) -> anyhow::Result<String> {
    let height = PANEL_HEIGHT * u32::try_from(comparisons.len())? + MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\">\n<title>Parlor beside its peers</title>\n<style>{STYLE}</style>\n\
         <rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\" rx=\"8\"/>\n"
    );
    let mut top = MARGIN;
    for row in comparisons {
        let (parlor, peer) = (number(row.parlor)?, number(row.peer)?);
        let longest = parlor.max(peer);
        ensure!(longest > 0.0, "nothing to draw: {}", row.measure);
        writeln!(
            svg,
            "<text x=\"{MARGIN}\" y=\"{}\"><tspan class=\"title\">{}</tspan><tspan class=\"note\"> · {} is better</tspan></text>",
            top + 12,
            row.measure,
            row.better
        )?;
        let bars = [("Parlor", "parlor", row.parlor, parlor), (row.peer_name, "peer", row.peer, peer)];
        for ((name, class, words, value), y) in bars.into_iter().zip([top + 24, top + 48]) {
            let width = (BAR_WIDTH * value / longest).max(2.0);
            writeln!(
                svg,
                "<text x=\"{MARGIN}\" y=\"{text}\">{name}</text>\
                 <rect class=\"{class}\" x=\"{BARS_AT}\" y=\"{y}\" width=\"{width:.1}\" height=\"18\" rx=\"3\"/>\
                 <text x=\"{:.1}\" y=\"{text}\">{words}</text>",
                f64::from(BARS_AT) + width + 8.0,
                text = y + 14
            )?;
        }
        top += PANEL_HEIGHT;
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

/// The number that a cell begins with, as in `2,453` or `85 ms`.
fn number(cell: &str) -> anyhow::Result<f64> {
    let digits: String = cell.chars().take_while(|c| matches!(c, '0'..='9' | '.' | ',')).collect();
    digits.replace(',', "").parse().with_context(|| format!("not a number: {cell}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_shows_the_figures_of_the_record() {
        let drawn = svg(&comparisons(include_str!("../RESULTS.md")).unwrap()).unwrap();
        let picture = include_str!("../../docs/images/performance.svg");
        assert!(drawn == picture, "`cargo run -p bench -- chart` draws it again");
    }
}
