//! Products of matrices, and the linear models of `ai.onnx.ml`.

use super::arithmetic::places;
use super::classes::{Classes, Finish, scores};
use crate::ReadError;
use crate::graph::{Data, Fault, Tensor, volume};
use crate::interpreter::{Arguments, Make, Making, Operation};

pub(super) const OPERATORS: &[(&str, Make)] = &[("LinearClassifier", classifier), ("LinearRegressor", regressor)];

/// The operators of the standard set.
pub(super) const PLAIN: &[(&str, Make)] = &[("Gemm", gemm), ("MatMul", |_| Ok(Box::new(product)))];

/// Rows by columns; each product is summed on its own, from the first to the last term, in double precision.
fn multiplied(a: &[f64], b: &[f64], inner: usize, columns: usize, to: &mut Vec<f64>) {
    let mut sums = vec![0.0; columns];
    for row in a.chunks_exact(inner.max(1)) {
        sums.fill(0.0);
        for (x, line) in row.iter().zip(b.chunks_exact(columns.max(1))) {
            sums.iter_mut().zip(line).for_each(|(sum, y)| *sum += x * y);
        }
        to.extend_from_slice(&sums);
    }
}

fn narrowed(like: &[&Tensor], values: Vec<f64>) -> Data {
    if like.iter().any(|tensor| matches!(tensor.data(), Data::Double(_))) {
        Data::Double(values)
    } else {
        Data::Float(values.iter().map(|x| *x as f32).collect())
    }
}

/// As numpy's `matmul`: a list is a matrix of one row or one column, and leading dimensions are broadcast.
fn product(arguments: &Arguments<'_>) -> Result<Vec<Tensor>, Fault> {
    let (a, b) = (arguments.get(0)?, arguments.get(1)?);
    let misfit = || Fault(format!("shapes {:?} and {:?} cannot be multiplied", a.shape(), b.shape()));
    let ([left @ .., inner], right) = (a.shape(), b.shape()) else { return Err(misfit()) };
    let (batches, columns) = match right {
        [length] if length == inner => (&[][..], 1),
        [batches @ .., length, columns] if length == inner => (batches, *columns),
        _ => return Err(misfit()),
    };
    let (x, y) = (a.to_doubles()?, b.to_doubles()?);
    let mut shape = left.to_vec();
    if right.len() > 1 {
        shape.push(columns);
    }
    arguments.work(volume(&shape)?.saturating_mul(*inner))?;
    let mut values = Vec::with_capacity(volume(&shape)?);
    if batches.iter().all(|size| *size == 1) {
        multiplied(&x, &y, *inner, columns, &mut values);
    } else {
        // Matrices in batches: one by one.
        let (rows, groups) = left.split_last().ok_or_else(misfit)?;
        if groups.len() < batches.len() {
            return Err(misfit());
        }
        let size = inner * columns;
        for (group, place) in x.chunks_exact((rows * inner).max(1)).zip(places(batches, groups)) {
            let matrix = y.get(place * size..(place + 1) * size).ok_or_else(misfit)?;
            multiplied(group, matrix, *inner, columns, &mut values);
        }
    }
    Ok(vec![Tensor::new(shape, narrowed(&[a, b], values))?])
}

fn transposed(values: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    let at = |place: usize| values.get(place).copied();
    (0..columns).flat_map(|column| (0..rows).filter_map(move |row| at(row * columns + column))).collect()
}

fn gemm(making: &Making<'_>) -> Result<Operation, ReadError> {
    let node = making.node;
    let (alpha, beta) = (node.float("alpha").unwrap_or(1.0), node.float("beta").unwrap_or(1.0));
    let flipped = |name| node.int(name).unwrap_or(0) != 0;
    let (flip_a, flip_b) = (flipped("transA"), flipped("transB"));
    Ok(Box::new(move |arguments| {
        let (a, b) = (arguments.get(0)?, arguments.get(1)?);
        let matrix = |tensor: &Tensor, flip: bool| -> Result<(Vec<f64>, usize, usize), Fault> {
            let &[rows, columns] = tensor.shape() else { return Err("a matrix was expected".into()) };
            let values = tensor.to_doubles()?;
            Ok(if flip { (transposed(&values, rows, columns), columns, rows) } else { (values, rows, columns) })
        };
        let ((x, rows, inner), (y, length, columns)) = (matrix(a, flip_a)?, matrix(b, flip_b)?);
        if inner != length {
            return Err(Fault(format!("{inner} columns and {length} rows cannot be multiplied")));
        }
        let shape = vec![rows, columns];
        arguments.work(volume(&shape)?.saturating_mul(inner))?;
        let mut values = Vec::new();
        multiplied(&x, &y, inner, columns, &mut values);
        values.iter_mut().for_each(|x| *x *= f64::from(alpha));
        if let Some(bias) = arguments.maybe(2) {
            let bias_values = bias.to_doubles()?;
            let added = places(bias.shape(), &shape).map(|place| bias_values.get(place).copied().unwrap_or(f64::NAN));
            values.iter_mut().zip(added).for_each(|(x, bias)| *x += f64::from(beta) * bias);
        }
        Ok(vec![Tensor::new(shape, narrowed(&[a, b], values))?])
    }))
}

/// One row of coefficients for each output.
struct Lines {
    coefficients: Vec<f64>,
    intercepts: Vec<f64>,
    outputs: usize,
}

impl Lines {
    fn of(making: &Making<'_>, outputs: usize) -> Result<Self, ReadError> {
        let wide = |name| making.node.floats(name).iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
        let (coefficients, intercepts) = (wide("coefficients"), wide("intercepts"));
        if outputs == 0
            || !coefficients.len().is_multiple_of(outputs)
            || !(intercepts.is_empty() || intercepts.len() == outputs)
        {
            let (many, ends) = (coefficients.len(), intercepts.len());
            return Err(making.wrong(format!("has {many} coefficients and {ends} intercepts for {outputs} outputs")));
        }
        Ok(Self { coefficients, intercepts, outputs })
    }

    fn apply(&self, input: &Tensor) -> Result<(usize, Vec<f64>), Fault> {
        let (rows, columns) = input.rows_and_columns();
        let expected = self.coefficients.len() / self.outputs;
        if columns != expected {
            return Err(Fault(format!("{expected} columns are expected, {columns} are given")));
        }
        let mut sums = Vec::with_capacity(rows * self.outputs);
        for row in input.to_doubles()?.chunks_exact(columns.max(1)) {
            for (output, line) in self.coefficients.chunks_exact(columns.max(1)).enumerate() {
                let sum: f64 = row.iter().zip(line).map(|(x, weight)| x * weight).sum();
                sums.push(sum + self.intercepts.get(output).copied().unwrap_or(0.0));
            }
        }
        Ok((rows, sums))
    }
}

fn regressor(making: &Making<'_>) -> Result<Operation, ReadError> {
    let finish = Finish::of(making)?;
    let outputs = usize::try_from(making.node.int("targets").unwrap_or(1)).unwrap_or(0);
    let lines = Lines::of(making, outputs)?;
    Ok(Box::new(move |arguments| {
        let (rows, mut sums) = lines.apply(arguments.get(0)?)?;
        sums.chunks_exact_mut(lines.outputs).for_each(|row| finish.apply(row));
        Ok(vec![scores(rows, lines.outputs, &sums)?])
    }))
}

fn classifier(making: &Making<'_>) -> Result<Operation, ReadError> {
    let finish = Finish::of(making)?;
    let classes = Classes::of(making.node);
    let intercepts = making.node.floats("intercepts").len();
    // One row may represent two classes.
    let outputs = if intercepts == 0 { classes.count() } else { intercepts };
    if outputs != classes.count() && (outputs, classes.count()) != (1, 2) {
        return Err(making.wrong(format!("has {} classes for {outputs} outputs", classes.count())));
    }
    let lines = Lines::of(making, outputs)?;
    Ok(Box::new(move |arguments| {
        let (rows, sums) = lines.apply(arguments.get(0)?)?;
        classes.decided(rows, sums.chunks_exact(lines.outputs), false, finish)
    }))
}
