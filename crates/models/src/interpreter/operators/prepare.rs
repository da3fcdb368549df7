//! Preprocessing of rows: scaling, imputation, concatenation.

use super::classes::scores;
use crate::ReadError;
use crate::graph::{Data, Fault, Tensor, volume};
use crate::interpreter::{Arguments, Make, Making, Operation};

pub(super) const OPERATORS: &[(&str, Make)] = &[
    ("Binarizer", binarizer),
    ("FeatureVectorizer", |_| Ok(Box::new(side_by_side))),
    ("Imputer", imputer),
    ("Normalizer", normalizer),
    ("Scaler", scaler),
];

fn binarizer(making: &Making<'_>) -> Result<Operation, ReadError> {
    let threshold = making.node.float("threshold").unwrap_or(0.0);
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let values = input.to_floats()?.iter().map(|x| if *x > threshold { 1.0 } else { 0.0 }).collect();
        Ok(vec![Tensor::new(input.shape().to_vec(), Data::Float(values))?])
    }))
}

/// Columns of several inputs as one table of floats.
fn side_by_side(arguments: &Arguments<'_>) -> Result<Vec<Tensor>, Fault> {
    let rows = arguments.get(0)?.shape().first().copied().unwrap_or(1);
    let parts: Vec<Vec<f32>> = arguments.all().map(Tensor::to_floats).collect::<Result<_, _>>()?;
    if parts.iter().any(|part| rows == 0 || !part.len().is_multiple_of(rows)) {
        return Err(Fault("inputs have different numbers of rows".into()));
    }
    let width: usize = parts.iter().map(|part| part.len() / rows).sum();
    volume(&[rows, width])?;
    let mut table = Vec::with_capacity(rows * width);
    for row in 0..rows {
        for part in &parts {
            let columns = part.len() / rows;
            table.extend_from_slice(part.get(row * columns..(row + 1) * columns).unwrap_or_default());
        }
    }
    Ok(vec![Tensor::new(vec![rows, width], Data::Float(table))?])
}

/// Replaces missing values: NaN, or a value that represents them.
fn imputer(making: &Making<'_>) -> Result<Operation, ReadError> {
    let node = making.node;
    let floats = node.floats("imputed_value_floats").to_vec();
    let ints = node.ints("imputed_value_int64s").to_vec();
    let missing = node.float("replaced_value_float").unwrap_or(0.0);
    let missing_int = node.int("replaced_value_int64").unwrap_or(0);
    if floats.is_empty() && ints.is_empty() {
        return Err(making.wrong("has nothing to fill in"));
    }
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let (_, columns) = input.rows_and_columns();
        let fits = |count: usize| count == 1 || count == columns;
        let data = match input.data() {
            Data::Int(values) if fits(ints.len()) => {
                let pairs = values.iter().zip(ints.iter().cycle());
                Data::Int(pairs.map(|(x, fill)| if *x == missing_int { *fill } else { *x }).collect())
            }
            Data::Int(_) | Data::Text(_) => return Err("filling needs numbers of the type that is filled in".into()),
            _ if !fits(floats.len()) => return Err(Fault(format!("{columns} columns, {} fillings", floats.len()))),
            _ => {
                let values = input.to_floats()?;
                let is_missing = |x: f32| x == missing || (missing.is_nan() && x.is_nan());
                let pairs = values.iter().zip(floats.iter().cycle());
                Data::Float(pairs.map(|(x, fill)| if is_missing(*x) { *fill } else { *x }).collect())
            }
        };
        Ok(vec![Tensor::new(input.shape().to_vec(), data)?])
    }))
}

/// Scales rows to length one, by the largest, the sum or the root of the squares.
fn normalizer(making: &Making<'_>) -> Result<Operation, ReadError> {
    let length: fn(&[f64]) -> f64 = match making.node.text("norm").unwrap_or("MAX") {
        "MAX" => |row| row.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "L1" => |row| row.iter().map(|x| x.abs()).sum(),
        "L2" => |row| row.iter().map(|x| x * x).sum::<f64>().sqrt(),
        other => return Err(making.wrong(format!("measures by {other:?}, which is not supported"))),
    };
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let (rows, columns) = input.rows_and_columns();
        let mut values = input.to_doubles()?;
        for row in values.chunks_exact_mut(columns.max(1)) {
            let length = length(row);
            if length != 0.0 {
                row.iter_mut().for_each(|x| *x /= length);
            }
        }
        Ok(vec![scores(rows, columns, &values)?.reshaped(input.shape().to_vec())?])
    }))
}

/// (x - offset) * scale, by column or with one of each for all.
fn scaler(making: &Making<'_>) -> Result<Operation, ReadError> {
    let (offset, scale) = (making.node.floats("offset").to_vec(), making.node.floats("scale").to_vec());
    if offset.is_empty() || scale.is_empty() {
        return Err(making.wrong("has no offset or no scale"));
    }
    Ok(Box::new(move |arguments| {
        let input = arguments.get(0)?;
        let (_, columns) = input.rows_and_columns();
        if [offset.len(), scale.len()].iter().any(|count| *count != 1 && *count != columns) {
            return Err(Fault(format!("{columns} columns, {} offsets, {} scales", offset.len(), scale.len())));
        }
        let pairs = offset.iter().cycle().zip(scale.iter().cycle());
        let values = input.to_floats()?;
        let scaled = values.iter().zip(pairs).map(|(x, (offset, scale))| (x - offset) * scale).collect();
        Ok(vec![Tensor::new(input.shape().to_vec(), Data::Float(scaled))?])
    }))
}
