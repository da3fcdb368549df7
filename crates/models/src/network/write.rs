//! Serialises a graph for rten, with fields that it requires and files omit.

use rten_onnx::onnx::{
    AttributeProto, AttributeType, DataType, Dimension, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, TensorShapeProto, TypeProto, TypeProtoTensor, ValueInfoProto,
};

use crate::graph::{Attribute, Constant, Data, Element, Graph, Model, Node, Port, Tensor};

/// The graph as ONNX for a library that supports all of it; a node that lists probabilities by name passes them
/// through.
pub(super) fn whole(model: &Model) -> Result<Vec<u8>, String> {
    let mut model = model.clone();
    let zipped = model.graph.nodes.iter_mut().filter(|node| node.operator == "ZipMap");
    for node in zipped {
        (node.operator, node.domain) = ("Identity".into(), String::new());
        node.attributes.clear();
        let made = node.outputs.clone();
        model.graph.outputs.iter_mut().filter(|output| made.contains(&output.name)).for_each(|output| {
            output.element = Some(Element::Float);
        });
    }
    if !model.operator_sets.iter().any(|(domain, _)| domain.is_empty()) {
        model.operator_sets.push((String::new(), 13));
    }
    bytes(&model)
}

/// The graph as ONNX, or why it cannot be written.
pub(super) fn bytes(model: &Model) -> Result<Vec<u8>, String> {
    let set = |(domain, version): &(String, i64)| OperatorSetIdProto {
        domain: Some(domain.clone()),
        version: Some(*version),
    };
    let whole = ModelProto {
        ir_version: Some(8),
        opset_import: model.operator_sets.iter().map(set).collect(),
        graph: Some(graph(&model.graph)?),
        ..ModelProto::default()
    };
    whole.write_buf().map_err(|error| error.to_string())
}

fn graph(graph: &Graph) -> Result<GraphProto, String> {
    let constant = |one: &Constant| tensor(&one.name, &one.tensor, one.element);
    // Outputs have their actual shape: declared ones are often wrong.
    let open = |output: &Port| port(&Port { shape: Vec::new(), ..output.clone() });
    Ok(GraphProto {
        node: graph.nodes.iter().map(|one| node(one, graph)).collect::<Result<_, _>>()?,
        initializer: graph.constants.iter().map(constant).collect::<Result<_, _>>()?,
        input: graph.inputs.iter().map(port).collect(),
        output: graph.outputs.iter().map(open).collect(),
        ..GraphProto::default()
    })
}

fn data_type(element: Element) -> DataType {
    match element {
        Element::Float => DataType::FLOAT,
        Element::Double => DataType::DOUBLE,
        Element::Int32 => DataType::INT32,
        Element::Int64 => DataType::INT64,
        Element::Bool => DataType::BOOL,
        Element::Text => DataType::STRING,
    }
}

fn tensor(name: &str, tensor: &Tensor, element: Element) -> Result<TensorProto, String> {
    let bytes: Vec<u8> = match (tensor.data(), element) {
        (Data::Float(values), _) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        (Data::Double(values), _) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        (Data::Int(values), Element::Int64) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        (Data::Int(values), Element::Bool) => values.iter().map(|x| u8::from(*x != 0)).collect(),
        (Data::Int(values), _) => values.iter().flat_map(|x| (*x as i32).to_le_bytes()).collect(),
        (Data::Text(_), _) => return Err(format!("{name} holds text")),
    };
    Ok(TensorProto {
        name: Some(name.to_string()),
        dims: tensor.shape().iter().map(|size| *size as i64).collect(),
        data_type: Some(data_type(element)),
        raw_data: Some(bytes.into()),
        ..TensorProto::default()
    })
}

/// The batch's dimension is left dynamic, also if the file declares one row.
fn port(port: &Port) -> ValueInfoProto {
    let dimension = |(place, size): (usize, &Option<usize>)| match size.filter(|_| place > 0) {
        Some(size) => Dimension { dim_value: Some(size as i64), dim_param: None },
        None => Dimension { dim_value: None, dim_param: Some(format!("size_{place}_of_{}", port.name)) },
    };
    let shape = TensorShapeProto { dim: port.shape.iter().enumerate().map(dimension).collect() };
    let kind = |element| TypeProto {
        tensor_type: Some(TypeProtoTensor {
            elem_type: Some(data_type(element)),
            shape: (!port.shape.is_empty()).then_some(shape),
        }),
        ..TypeProto::default()
    };
    ValueInfoProto { name: Some(port.name.clone()), r#type: port.element.map(kind) }
}

fn node(node: &Node, graph: &Graph) -> Result<NodeProto, String> {
    let mut attributes: Vec<AttributeProto> =
        node.attributes.iter().map(|(name, value)| attribute(name, value)).collect::<Result<_, _>>()?;
    // rten requires the size of a convolution's kernel, which its weights determine.
    if node.operator.starts_with("Conv") && node.attribute("kernel_shape").is_none() {
        let weights = node.inputs.get(1).and_then(|name| graph.constant(name));
        let size = weights.and_then(|weights| weights.shape().get(2..)).unwrap_or_default();
        let size = Attribute::Ints(size.iter().map(|size| *size as i64).collect());
        attributes.push(attribute("kernel_shape", &size)?);
    }
    Ok(NodeProto {
        domain: (!node.domain.is_empty()).then(|| node.domain.clone()),
        name: Some(node.name.clone()),
        op_type: Some(node.operator.clone()),
        input: node.inputs.clone(),
        output: node.outputs.clone(),
        attribute: attributes,
    })
}

fn attribute(name: &str, value: &Attribute) -> Result<AttributeProto, String> {
    let empty = AttributeProto { name: Some(name.to_string()), ..AttributeProto::default() };
    let (kind, written) = match value {
        Attribute::Float(x) => (AttributeType::FLOAT, AttributeProto { f: Some(*x), ..empty }),
        Attribute::Int(x) => (AttributeType::INT, AttributeProto { i: Some(*x), ..empty }),
        Attribute::Text(x) => (AttributeType::STRING, AttributeProto { s: Some(x.clone()), ..empty }),
        Attribute::Tensor(x, element) => {
            (AttributeType::TENSOR, AttributeProto { t: Some(tensor("", x, *element)?), ..empty })
        }
        Attribute::Graph(x) => (AttributeType::GRAPH, AttributeProto { g: Some(graph(x)?), ..empty }),
        Attribute::Floats(x) => (AttributeType::FLOATS, AttributeProto { floats: x.clone(), ..empty }),
        Attribute::Ints(x) => (AttributeType::INTS, AttributeProto { ints: x.clone(), ..empty }),
        Attribute::Texts(x) => (AttributeType::STRINGS, AttributeProto { strings: x.clone(), ..empty }),
    };
    Ok(AttributeProto { r#type: Some(kind), ..written })
}
