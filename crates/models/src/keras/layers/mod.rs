//! Converts Keras' layers to nodes of a graph. A new one costs its function and its line.

mod activation;
mod dense;
mod merge;
mod normal;
mod recurrent;
mod shape;
mod window;

use super::builder::{Builder, Flow};
use super::weights::{WeightPath, WeightSet, Weights};
use super::{damaged, refused};
use crate::ReadError;
use crate::field::Field;
use crate::graph::Tensor;

/// One call of a layer.
pub(super) struct Layer<'a> {
    pub(super) class: &'a str,
    pub(super) config: &'a Field<'a>,
    pub(super) place: &'a WeightPath,
    pub(super) weights: &'a Weights,
}

/// What a layer makes of its inputs.
type Built = Result<Flow, ReadError>;
type Build = fn(&Layer<'_>, &[Flow], &mut Builder) -> Built;

/// Every supported layer, by its class.
pub(crate) const LAYERS: &[(&str, Build)] = &[
    ("Activation", activation::named),
    ("ActivityRegularization", shape::same),
    ("Add", |layer, inputs, builder| merge::folded(layer, inputs, "Add", builder)),
    ("AlphaDropout", shape::same),
    ("Average", merge::average),
    ("AveragePooling1D", |layer, inputs, builder| window::pooled(layer, inputs, "AveragePool", builder)),
    ("AveragePooling2D", |layer, inputs, builder| window::pooled(layer, inputs, "AveragePool", builder)),
    ("BatchNormalization", normal::batch),
    ("Bidirectional", recurrent::bidirectional),
    ("Concatenate", merge::concatenate),
    ("Conv1D", window::convolution),
    ("Conv2D", window::convolution),
    ("Dense", dense::dense),
    ("Dropout", shape::same),
    ("ELU", activation::elu),
    ("Embedding", dense::embedding),
    ("Flatten", shape::flatten),
    ("GRU", |layer, inputs, builder| recurrent::plain(layer, inputs, recurrent::GRU, builder)),
    ("GaussianDropout", shape::same),
    ("GaussianNoise", shape::same),
    ("GlobalAveragePooling1D", window::global_average),
    ("GlobalAveragePooling2D", window::global_average),
    ("GlobalMaxPooling1D", window::global_largest),
    ("GlobalMaxPooling2D", window::global_largest),
    ("LSTM", |layer, inputs, builder| recurrent::plain(layer, inputs, recurrent::LSTM, builder)),
    ("LayerNormalization", normal::layer),
    ("LeakyReLU", activation::leaky),
    ("Masking", shape::masking),
    ("MaxPooling1D", |layer, inputs, builder| window::pooled(layer, inputs, "MaxPool", builder)),
    ("MaxPooling2D", |layer, inputs, builder| window::pooled(layer, inputs, "MaxPool", builder)),
    ("Maximum", |layer, inputs, builder| merge::folded(layer, inputs, "Max", builder)),
    ("Minimum", |layer, inputs, builder| merge::folded(layer, inputs, "Min", builder)),
    ("Multiply", |layer, inputs, builder| merge::folded(layer, inputs, "Mul", builder)),
    ("Normalization", normal::normalization),
    ("PReLU", activation::sloped),
    ("Permute", shape::permute),
    ("ReLU", activation::rectified),
    ("RepeatVector", shape::repeat),
    ("Rescaling", normal::rescaling),
    ("Reshape", shape::reshape),
    ("SimpleRNN", |layer, inputs, builder| recurrent::plain(layer, inputs, recurrent::SIMPLE, builder)),
    ("Softmax", activation::softmax),
    ("SpatialDropout1D", shape::same),
    ("SpatialDropout2D", shape::same),
    ("Subtract", |layer, inputs, builder| merge::folded(layer, inputs, "Sub", builder)),
    ("ThresholdedReLU", activation::thresholded),
    ("TimeDistributed", shape::each_step),
];

/// Adds the nodes of a layer; an unknown one is refused by its name.
pub(super) fn build(layer: &Layer<'_>, inputs: &[Flow], builder: &mut Builder) -> Built {
    let known = LAYERS.iter().find(|(class, _)| *class == layer.class);
    let Some((_, build)) = known else {
        let why = match layer.class {
            "Lambda" => "holds Python code, which is not run here",
            _ => "is not supported",
        };
        return Err(refused(format!("the layer {} of the class {} {why}", layer.place.shown(), layer.class)));
    };
    if let Some(kind) = quantised(layer.config) {
        let what = format!(
            "the layer {} ({}) is quantised to {kind}, and such weights are not read",
            layer.place.shown(),
            layer.class
        );
        return Err(ReadError::unsupported(what, "save the model before `quantize` is called, or score it in Python"));
    }
    build(layer, inputs, builder)
}

/// The quantisation of a layer's weights. Such a layer quantises its inputs row by row as well, so that dequantised
/// weights would give other results than Keras does.
fn quantised(config: &Field<'_>) -> Option<String> {
    let mode = config.find("dtype")?.find("config")?.find("mode")?;
    mode.shown().ok()
}

impl Layer<'_> {
    pub(super) fn refused(&self, why: &str) -> ReadError {
        refused(format!("the layer {} ({}) {why}", self.place.shown(), self.class))
    }

    pub(super) fn damaged(&self, why: &str) -> ReadError {
        damaged(format!("the layer {} ({}) {why}", self.place.shown(), self.class))
    }

    /// The only input.
    pub(super) fn one<'b>(&self, inputs: &'b [Flow]) -> Result<&'b Flow, ReadError> {
        match inputs {
            [one] => Ok(one),
            _ => Err(self.refused("takes more than one input")),
        }
    }

    /// Exactly this many weights.
    pub(super) fn weights<const N: usize>(&self, part: WeightSet) -> Result<[Tensor; N], ReadError> {
        let all = self.weights.of(self.place, part)?;
        let found = all.len();
        all.try_into().map_err(|_| self.damaged(&format!("has {found} weights, not {N}")))
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, ReadError> {
        self.config.find(name).map_or(Ok(default), |flag| flag.number().map(|number| number != 0.0))
    }

    pub(super) fn number(&self, name: &str, default: f64) -> Result<f64, ReadError> {
        self.config.find(name).map_or(Ok(default), |number| number.number())
    }

    pub(super) fn text(&self, name: &str, default: &str) -> Result<String, ReadError> {
        self.config.find(name).map_or(Ok(default.to_string()), |text| text.text().map(str::to_string))
    }

    /// Sizes: a list, or one number for all.
    pub(super) fn sizes(&self, name: &str, rank: usize, default: usize) -> Result<Vec<usize>, ReadError> {
        const MOST: usize = 1 << 20;
        match self.config.find(name) {
            None => Ok(vec![default; rank]),
            Some(field) => match field.list() {
                Ok(sizes) => sizes.iter().map(|size| size.count(MOST)).collect(),
                Err(_) => Ok(vec![field.count(MOST)?; rank]),
            },
        }
    }

    /// Requires images with channels last: weights and shapes are read in that order.
    pub(super) fn channels_last(&self) -> Result<(), ReadError> {
        match self.text("data_format", "channels_last")?.as_str() {
            "channels_last" => Ok(()),
            _ => Err(self.refused("has its channels first")),
        }
    }

    /// Applies the layer's final activation.
    pub(super) fn activated(&self, value: &str, builder: &mut Builder) -> Result<String, ReadError> {
        match self.config.find("activation") {
            None => Ok(value.to_string()),
            Some(name) => activation::apply(self, name.text()?, value, builder),
        }
    }
}

impl WeightPath {
    /// Its name in messages.
    pub(super) fn shown(&self) -> &str {
        self.inner.as_deref().unwrap_or(&self.layer)
    }
}
