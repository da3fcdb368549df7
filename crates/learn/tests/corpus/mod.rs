//! The corpus of the Numenta Anomaly Benchmark, read from its archive, and its scorer.
//!
//! The scorer is that of NAB 1.1 (`nab/sweeper.py`, `nab/optimizer.py`, `nab/runner.py`): a window found counts more the
//! earlier it is found, a false alarm less the shorter after a window it comes, and one threshold for all series is the
//! best one. 0 is a detector that says nothing, 100 a perfect one.

use std::collections::BTreeMap;
use std::io::Read;

/// The archive, below the folder with the data sets.
pub(crate) const FILE: &str = "nab/nab.tar.zst";

/// What a series' row is to the scorer.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Place {
    /// Among the first 15 %, which do not count.
    Probation,
    /// Outside of all windows.
    Outside,
    /// In the window with this number, counted over all series.
    Window(usize),
}

/// A series of the corpus, in the order of time.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) values: Vec<f64>,
    /// Where each row is, and what an alarm there is worth before weights.
    places: Vec<(Place, f64)>,
}

/// A profile's weights: of a window missed and of a false alarm; a window found weighs 1.
pub(crate) struct Profile {
    pub(crate) missed: f64,
    pub(crate) false_alarm: f64,
}

/// The three profiles of `config/profiles.json`: standard, few false alarms, few misses.
pub(crate) const PROFILES: [(&str, Profile); 3] = [
    ("standard", Profile { missed: 1.0, false_alarm: 0.11 }),
    ("reward_low_FP_rate", Profile { missed: 1.0, false_alarm: 0.22 }),
    ("reward_low_FN_rate", Profile { missed: 2.0, false_alarm: 0.11 }),
];

/// The text of each file in a tar archive, by its path.
pub(crate) fn files(archive: &std::path::Path) -> BTreeMap<String, String> {
    let mut bytes = Vec::new();
    zstd::Decoder::new(std::fs::File::open(archive).unwrap()).unwrap().read_to_end(&mut bytes).unwrap();
    let text = |field: &[u8]| String::from_utf8_lossy(field).trim_matches(['\0', ' ']).to_string();
    let (mut files, mut at, mut long) = (BTreeMap::new(), 0, None);
    while at + 512 <= bytes.len() && bytes[at] != 0 {
        let header = &bytes[at..at + 512];
        let size = usize::from_str_radix(&text(&header[124..136]), 8).unwrap();
        let content = &bytes[at + 512..at + 512 + size];
        // GNU's tar writes a path of more than 100 bytes as a file of its own, before the one that it names.
        if header[156] == b'L' {
            long = Some(text(content));
        } else {
            let path = long.take().unwrap_or_else(|| text(&header[..100]));
            files.insert(path, String::from_utf8_lossy(content).into_owned());
        }
        at += 512 + size.div_ceil(512) * 512;
    }
    files
}

/// A column of a file with a header, as text.
pub(crate) fn column<'a>(file: &'a str, name: &str) -> Vec<&'a str> {
    let mut lines = file.lines();
    let place = lines.next().unwrap().split(',').position(|column| column == name).unwrap();
    lines.map(|line| line.split(',').nth(place).unwrap()).collect()
}

/// All series with the windows of `labels/combined_windows.json`, and the number of windows.
pub(crate) fn series(files: &BTreeMap<String, String>) -> (Vec<Series>, usize) {
    let windows: BTreeMap<String, Vec<(String, String)>> =
        serde_json::from_str(&files["nab/labels/combined_windows.json"]).unwrap();
    let (mut all, mut count) = (Vec::new(), 0);
    for (name, windows) in windows {
        let file = &files[&format!("nab/data/{name}")];
        let times: Vec<&str> = column(file, "timestamp");
        let find = |time: &str| times.iter().position(|other| Some(*other) == time.split('.').next()).unwrap();
        let windows: Vec<(usize, usize)> = windows.iter().map(|(from, to)| (find(from), find(to))).collect();
        let values = column(file, "value").iter().map(|value| value.parse().unwrap()).collect();
        all.push(Series { name, values, places: places(times.len(), &windows, count) });
        count += windows.len();
    }
    (all, count)
}

/// NAB's `scaledSigmoid` of a place relative to the end of a window, in widths of it.
fn worth(place: f64) -> f64 {
    if place > 3.0 { -1.0 } else { 2.0 / (1.0 + libm::exp(5.0 * place)) - 1.0 }
}

fn places(rows: usize, windows: &[(usize, usize)], first: usize) -> Vec<(Place, f64)> {
    let probation = (0.15 * rows as f64).floor().min(750.0) as usize;
    let place = |row: usize| {
        let window = windows.iter().position(|(from, to)| (*from..=*to).contains(&row));
        let last = windows.iter().rev().find(|(_, to)| *to < row);
        let (place, value) = match (window, last) {
            (Some(window), _) => {
                let (from, to) = windows[window];
                let width = (to - from + 1) as f64;
                (Place::Window(first + window), worth(-((to - row + 1) as f64) / width) / worth(-1.0))
            }
            (None, Some((from, to))) => (Place::Outside, worth((row - to) as f64 / (to - from) as f64)),
            (None, None) => (Place::Outside, -1.0),
        };
        (if row < probation { Place::Probation } else { place }, value)
    };
    (0..rows).map(place).collect()
}

/// The normalised score at the best threshold, and that threshold.
pub(crate) fn score(series: &[Series], windows: usize, scores: &[Vec<f64>], profile: &Profile) -> (f64, f64) {
    let rows = series.iter().zip(scores).flat_map(|(series, scores)| scores.iter().zip(&series.places));
    let mut rows: Vec<(f64, Place, f64)> =
        rows.filter(|(_, row)| row.0 != Place::Probation).map(|(score, row)| (*score, row.0, row.1)).collect();
    rows.sort_by(|one, other| other.0.total_cmp(&one.0));
    let mut found = vec![-profile.missed; windows];
    let nothing = -profile.missed * windows as f64;
    let (mut sum, mut best, mut current) = (nothing, (nothing, f64::INFINITY), f64::INFINITY);
    for (score, place, value) in rows {
        if score != current {
            best = if sum > best.0 { (sum, current) } else { best };
            current = score;
        }
        if let Place::Window(window) = place {
            sum += (value - found[window]).max(0.0);
            found[window] = found[window].max(value);
        } else {
            sum += value * profile.false_alarm;
        }
    }
    best = if sum > best.0 { (sum, current) } else { best };
    (100.0 * (best.0 - nothing) / (windows as f64 - nothing), best.1)
}
