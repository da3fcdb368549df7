//! Blocks of numbers or texts with a shape.

use std::sync::Arc;

/// Larger tensors are not allocated, whatever a graph requests.
const MOST_ELEMENTS: usize = 1 << 24;

/// Why a graph stopped in the middle of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) String);

impl<T: Into<String>> From<T> for Fault {
    fn from(why: T) -> Self {
        Self(why.into())
    }
}

/// The element type of a tensor in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    Float,
    Double,
    Int32,
    Int64,
    Bool,
    Text,
}

/// The elements, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    Float(Vec<f32>),
    Double(Vec<f64>),
    /// Integers of every width, and 0 or 1 for booleans.
    Int(Vec<i64>),
    Text(Vec<Arc<str>>),
}

/// A tensor: as many elements as the product of its dimensions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tensor {
    shape: Vec<usize>,
    data: Data,
}

/// The number of elements of a shape, if that many are allowed.
pub(crate) fn volume(shape: &[usize]) -> Result<usize, Fault> {
    // A dimension of 0 does not excuse others whose product would overflow.
    let product = shape.iter().try_fold(1_usize, |product, size| product.checked_mul((*size).max(1)));
    if product.is_none_or(|elements| elements > MOST_ELEMENTS) {
        return Err(Fault(format!("a tensor of shape {shape:?} would have more than {MOST_ELEMENTS} elements")));
    }
    Ok(shape.iter().product())
}

impl Data {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Double(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Its name in messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Float(_) => "float",
            Self::Double(_) => "double",
            Self::Int(_) => "int",
            Self::Text(_) => "text",
        }
    }

    /// Numbers computed from these, in their type.
    pub(crate) fn like(&self, numbers: Vec<f64>) -> Self {
        match self {
            Self::Float(_) => Self::Float(numbers.iter().map(|x| *x as f32).collect()),
            Self::Int(_) => Self::Int(numbers.iter().map(|x| *x as i64).collect()),
            Self::Double(_) | Self::Text(_) => Self::Double(numbers),
        }
    }

    /// The elements at these places, in this order.
    pub(crate) fn pick(&self, places: impl Iterator<Item = usize>) -> Self {
        fn chosen<T: Clone>(values: &[T], places: impl Iterator<Item = usize>) -> Vec<T> {
            places.filter_map(|place| values.get(place).cloned()).collect()
        }
        match self {
            Self::Float(values) => Self::Float(chosen(values, places)),
            Self::Double(values) => Self::Double(chosen(values, places)),
            Self::Int(values) => Self::Int(chosen(values, places)),
            Self::Text(values) => Self::Text(chosen(values, places)),
        }
    }
}

impl Tensor {
    /// Refuses elements whose number does not match the shape.
    pub(crate) fn new(shape: Vec<usize>, data: Data) -> Result<Self, Fault> {
        let expected = volume(&shape)?;
        if data.len() != expected {
            return Err(Fault(format!("{} elements for a tensor of shape {shape:?}", data.len())));
        }
        Ok(Self { shape, data })
    }

    /// One dimension.
    pub(crate) fn flat(data: Data) -> Self {
        Self { shape: vec![data.len()], data }
    }

    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    pub(crate) fn data(&self) -> &Data {
        &self.data
    }

    pub(crate) fn into_parts(self) -> (Vec<usize>, Data) {
        (self.shape, self.data)
    }

    pub(crate) fn len(&self) -> usize {
        self.data.len()
    }

    /// The same elements in another shape.
    pub(crate) fn reshaped(&self, shape: Vec<usize>) -> Result<Self, Fault> {
        Self::new(shape, self.data.clone())
    }

    /// The last dimension, and the number of rows; a single value is a row of one.
    pub(crate) fn rows_and_columns(&self) -> (usize, usize) {
        let columns = self.shape.last().copied().unwrap_or(1);
        (self.len().checked_div(columns).unwrap_or(0), columns)
    }

    pub(crate) fn floats(&self) -> Result<&[f32], Fault> {
        match &self.data {
            Data::Float(values) => Ok(values),
            other => Err(Fault(format!("floats were expected, found {}", other.kind()))),
        }
    }

    pub(crate) fn ints(&self) -> Result<&[i64], Fault> {
        match &self.data {
            Data::Int(values) => Ok(values),
            other => Err(Fault(format!("whole numbers were expected, found {}", other.kind()))),
        }
    }

    /// The elements as single floats, from any numeric type.
    pub(crate) fn to_floats(&self) -> Result<Vec<f32>, Fault> {
        match &self.data {
            Data::Float(values) => Ok(values.clone()),
            Data::Double(values) => Ok(values.iter().map(|x| *x as f32).collect()),
            Data::Int(values) => Ok(values.iter().map(|x| *x as f32).collect()),
            Data::Text(_) => Err("numbers were expected, found text".into()),
        }
    }

    /// The elements as double floats, from any numeric type.
    pub(crate) fn to_doubles(&self) -> Result<Vec<f64>, Fault> {
        match &self.data {
            Data::Float(values) => Ok(values.iter().map(|x| f64::from(*x)).collect()),
            Data::Double(values) => Ok(values.clone()),
            Data::Int(values) => Ok(values.iter().map(|x| *x as f64).collect()),
            Data::Text(_) => Err("numbers were expected, found text".into()),
        }
    }
}
