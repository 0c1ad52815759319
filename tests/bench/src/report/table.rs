//! The figures for a person: three aligned tables and the circumstances above them.

use std::fmt::Write as _;

use crate::machine::Machine;
use crate::percentiles::Percentiles;

use super::{Measured, Outcome, Report};

/// The whole report as text.
pub(crate) fn render(report: &Report) -> String {
    let mut text = format!("\n{}", report.server);
    text.push_str(&circumstances(&report.machine));
    let measured: Vec<(&str, &Measured)> = report
        .scenarios
        .iter()
        .filter_map(|scenario| match &scenario.outcome {
            Outcome::Measured(measured) => Some((scenario.name, &**measured)),
            Outcome::Failed { .. } | Outcome::Skipped { .. } => None,
        })
        .collect();
    if !measured.is_empty() {
        text.push_str(&throughput(&measured));
        text.push_str(&latency(&measured));
        text.push_str(&correctness(&measured));
    }
    for scenario in &report.scenarios {
        match &scenario.outcome {
            Outcome::Measured(_) => {}
            Outcome::Failed { reason } => push_line(&mut text, scenario.name, "failed", reason),
            Outcome::Skipped { reason } => push_line(&mut text, scenario.name, "skipped", reason),
        }
    }
    for fault in report.faults() {
        text.push_str(&format!("\nFAULT  {fault}"));
    }
    if report.faults().is_empty() {
        text.push_str("\nNothing lost, nothing duplicated, every body as it was sent.");
    }
    text.push('\n');
    text
}

fn push_line(text: &mut String, name: &str, verb: &str, reason: &str) {
    text.push_str(&format!("\n{name} {verb}: {reason}\n"));
}

fn circumstances(machine: &Machine) -> String {
    let unknown = || "unknown".to_owned();
    let load = machine
        .load_average_before
        .map_or_else(unknown, |[one, five, fifteen]| format!("{one:.2} {five:.2} {fifteen:.2}"));
    format!(
        "\n{} cores, {}, kernel {}, load before {load}\ndata on {} ({}), fdatasync of 4 KiB: \
         p50 {:.2} ms, p99 {:.2} ms\n",
        machine.cores,
        machine.cpu_model.as_deref().unwrap_or("unknown CPU"),
        machine.kernel.as_deref().unwrap_or("unknown"),
        machine.data_directory.display(),
        machine.filesystem.as_deref().unwrap_or("unknown file system"),
        machine.fdatasync_ms.p50,
        machine.fdatasync_ms.p99,
    )
}

fn throughput(measured: &[(&str, &Measured)]) -> String {
    let header = [
        "throughput and cost",
        "events",
        "seconds",
        "events/s",
        "deliv./s",
        "accepted/s",
        "CPU ms/ev",
        "written B/ev",
        "RSS MiB max",
        "now",
        "gen us/ev",
        "recv us/d",
        "others",
    ];
    let rows = measured.iter().map(|(name, of)| {
        let (rates, cost) = (&of.rates, &of.cost);
        let server = cost.server.as_ref();
        let others = cost.machine.as_ref().and_then(|machine| machine.cores_used_by_others);
        vec![
            (*name).to_owned(),
            grouped(rates.events_delivered as f64),
            format!("{:.2}", rates.seconds),
            grouped(rates.delivered_events_per_s),
            grouped(rates.deliveries_per_s),
            grouped(rates.accepted_events_per_s),
            or_dash(server.map(|server| format!("{:.3}", server.cpu_ms_per_event))),
            or_dash(server.and_then(|server| server.written_bytes_per_event).map(grouped)),
            or_dash(server.map(|server| format!("{:.1}", server.resident_mib_max))),
            or_dash(server.map(|server| format!("{:.1}", server.resident_mib))),
            or_dash(cost.generator_cpu_us_per_event.map(|us| format!("{us:.1}"))),
            or_dash(cost.receiver_cpu_us_per_delivery.map(|us| format!("{us:.1}"))),
            or_dash(others.map(|cores| format!("{cores:.2}"))),
        ]
    });
    let mut text = table(&header, rows);
    for (name, of) in measured {
        if let Some(backlog) = &of.backlog {
            let seconds = |s: Option<f64>| or_dash(s.map(|s| format!("{s:.2} s")));
            text.push_str(&format!(
                "{name}: {} tried before; from the start of the process: ready {:.2} s, \
                 first arrival {}, last {}\n",
                grouped(backlog.deliveries_tried_before as f64),
                backlog.server_ready_s,
                seconds(backlog.first_arrival_s),
                seconds(backlog.last_arrival_s),
            ));
        }
    }
    text
}

fn latency(measured: &[(&str, &Measured)]) -> String {
    let header = ["latency, ms", "of", "p50", "p90", "p99", "p99.9", "max", "samples"];
    let rows = measured.iter().flat_map(|(name, of)| {
        let kinds = [
            ("ack", of.latencies.ack_ms),
            ("end to end", of.latencies.end_to_end_ms),
            ("late sends", of.latencies.send_lateness_ms),
        ];
        kinds.into_iter().filter_map(move |(kind, found)| Some(latency_row(name, kind, &found?)))
    });
    table(&header, rows)
}

fn latency_row(name: &str, kind: &str, found: &Percentiles) -> Vec<String> {
    let mut row = vec![name.to_owned(), kind.to_owned()];
    let figures = [found.p50, found.p90, found.p99, found.p999, found.max];
    row.extend(figures.map(|ms| format!("{ms:.2}")));
    row.push(grouped(found.samples as f64));
    row
}

fn correctness(measured: &[(&str, &Measured)]) -> String {
    let header = [
        "correctness",
        "accepted",
        "lost",
        "duplicate",
        "mismatched",
        "bad sig.",
        "sig. checked",
        "refused",
        "unanswered",
    ];
    let rows = measured.iter().map(|(name, of)| {
        let found = &of.correctness;
        let refused = found.refused.values().sum();
        let counts = [
            found.accepted,
            found.lost,
            found.duplicates,
            found.mismatched,
            found.signatures_bad,
            found.signatures_checked,
            refused,
            found.unanswered,
        ];
        let mut row = vec![(*name).to_owned()];
        row.extend(counts.map(|count| grouped(count as f64)));
        row
    });
    table(&header, rows)
}

/// The first column to the left, all others to the right, each as wide as its widest cell.
fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut lines = vec![header.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>()];
    lines.extend(rows);
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut text = String::from("\n");
    for line in &lines {
        for (column, cell) in line.iter().enumerate() {
            let width = widths[column];
            // Writing into a string cannot fail.
            let _written = match column {
                0 => write!(text, "{cell:<width$}"),
                _ => write!(text, "  {cell:>width$}"),
            };
        }
        text.push('\n');
    }
    text
}

fn or_dash(cell: Option<String>) -> String {
    cell.unwrap_or_else(|| "-".to_owned())
}

/// A whole number with a comma before every third digit from the end.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        let rows = [(0.0, "0"), (999.4, "999"), (1000.0, "1,000"), (1_234_567.0, "1,234,567")];
        for (number, text) in rows {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn columns_line_up() {
        let rows = [["closed", "12"], ["x", "12,345"]].map(|row| row.map(str::to_owned).to_vec());
        let expected = "\nname    events/s\nclosed        12\nx         12,345\n";
        assert_eq!(table(&["name", "events/s"], rows.into_iter()), expected);
    }
}
