//! Reading the messages of a file, field by field.

use std::collections::HashMap;

use super::error::{OnnxError, Result};
use super::proto::{
    Attribute, AttributeValue, Data, Dimension, Function, Graph, Model, Node, Opsets, Tensor, TensorType, ValueInfo,
};
use super::wire::Message;

/// Messages inside messages: functions and the branches of `If` are few levels deep.
const DEEPEST: usize = 24;
/// Nodes, attributes and tensors that a file may have: far more than any network, and few enough to hold.
const MOST: usize = 2_000_000;

/// Counts what was read, so that a small file cannot ask for much memory.
struct Reader {
    count: usize,
}

impl Model {
    pub(super) fn read(file: &[u8]) -> Result<Self> {
        let mut reader = Reader { count: 0 };
        let mut message = Message::of_file(file);
        let mut model = Self::default();
        let mut graphs = 0;
        while let Some((number, field)) = message.next()? {
            match number {
                2 => model.producer = field.text()?,
                7 => {
                    model.graph = reader.graph(field.message()?, 0)?;
                    graphs += 1;
                }
                8 => reader.opset(field.message()?, &mut model.opsets)?,
                14 => reader.entry(field.message()?, &mut model.metadata)?,
                25 => model.functions.push(reader.function(field.message()?)?),
                _ => {}
            }
        }
        match graphs {
            1 => Ok(model),
            0 => Err(OnnxError::damaged("it has no graph")),
            _ => Err(OnnxError::damaged("it has several graphs")),
        }
    }
}

impl Reader {
    fn count(&mut self) -> Result<()> {
        self.count += 1;
        if self.count > MOST { Err(OnnxError::damaged(format!("more than {MOST} nodes and values"))) } else { Ok(()) }
    }

    fn opset(&mut self, mut message: Message, to: &mut Opsets) -> Result<()> {
        self.count()?;
        let (mut domain, mut version) = (String::new(), 0);
        while let Some((number, field)) = message.next()? {
            match number {
                1 => domain = field.text()?,
                2 => version = field.int()?,
                _ => {}
            }
        }
        to.insert(&domain, version);
        Ok(())
    }

    fn entry(&mut self, mut message: Message, to: &mut HashMap<String, String>) -> Result<()> {
        self.count()?;
        let (mut key, mut value) = (String::new(), String::new());
        while let Some((number, field)) = message.next()? {
            match number {
                1 => key = field.text()?,
                2 => value = field.text()?,
                _ => {}
            }
        }
        to.insert(key, value);
        Ok(())
    }

    fn graph(&mut self, mut message: Message, depth: usize) -> Result<Graph> {
        if depth > DEEPEST {
            return Err(OnnxError::damaged(format!("graphs inside graphs more than {DEEPEST} deep")));
        }
        let mut graph = Graph::default();
        while let Some((number, field)) = message.next()? {
            match number {
                1 => graph.nodes.push(self.node(field.message()?, depth)?),
                5 => graph.initializers.push(self.tensor(field.message()?)?),
                11 => graph.inputs.push(self.value_info(field.message()?)?),
                12 => graph.outputs.push(self.value_info(field.message()?)?),
                15 => graph.sparse = true,
                _ => {}
            }
        }
        Ok(graph)
    }

    fn node(&mut self, mut message: Message, depth: usize) -> Result<Node> {
        self.count()?;
        let mut node = Node::default();
        while let Some((number, field)) = message.next()? {
            match number {
                1 | 2 => {
                    self.count()?;
                    if number == 1 { &mut node.inputs } else { &mut node.outputs }.push(field.text()?);
                }
                3 => node.name = field.text()?,
                4 => node.operator = field.text()?,
                5 => node.attributes.push(self.attribute(field.message()?, depth)?),
                7 => node.domain = field.text()?,
                8 => node.overload = field.text()?,
                9 => self.entry(field.message()?, &mut node.metadata)?,
                _ => {}
            }
        }
        Ok(node)
    }

    fn attribute(&mut self, mut message: Message, depth: usize) -> Result<Attribute> {
        self.count()?;
        let mut attribute = Attribute::default();
        let (mut ints, mut floats) = (Vec::new(), Vec::new());
        let mut kind = 0;
        while let Some((number, field)) = message.next()? {
            match number {
                1 => attribute.name = field.text()?,
                2 => attribute.value = AttributeValue::Float(field.float()?),
                3 => attribute.value = AttributeValue::Int(field.int()?),
                4 => attribute.value = AttributeValue::Text(field.text()?),
                5 => attribute.value = AttributeValue::Tensor(self.tensor(field.message()?)?),
                6 => attribute.value = AttributeValue::Graph(self.graph(field.message()?, depth + 1)?),
                7 => field.fixed(4, &mut floats)?,
                8 => field.ints(&mut ints)?,
                20 => kind = field.int()?,
                21 => attribute.reference = field.text()?,
                _ => {}
            }
        }
        let real = |bytes: &[u8]| {
            let mut number = [0; 4];
            number.copy_from_slice(bytes);
            f32::from_le_bytes(number)
        };
        // Protobuf leaves out a value that is zero or empty; the type says which it was.
        attribute.value = match (kind, attribute.value) {
            (6, _) => AttributeValue::Floats(floats.chunks_exact(4).map(real).collect()),
            (7, _) => AttributeValue::Ints(ints),
            (8, _) => AttributeValue::Texts,
            (1, AttributeValue::None) if attribute.reference.is_empty() => AttributeValue::Float(0.0),
            (2, AttributeValue::None) if attribute.reference.is_empty() => AttributeValue::Int(0),
            (3, AttributeValue::None) if attribute.reference.is_empty() => AttributeValue::Text(String::new()),
            (_, AttributeValue::None) if !ints.is_empty() => AttributeValue::Ints(ints),
            (_, AttributeValue::None) if !floats.is_empty() => {
                AttributeValue::Floats(floats.chunks_exact(4).map(real).collect())
            }
            (_, value) => value,
        };
        Ok(attribute)
    }

    fn tensor(&mut self, mut message: Message) -> Result<Tensor> {
        self.count()?;
        let from = message.range().start;
        let mut tensor = Tensor::default();
        let (mut ints, mut reals, mut external) = (Vec::new(), Vec::new(), HashMap::new());
        let mut elsewhere = false;
        while let Some((number, field)) = message.next()? {
            match number {
                1 => field.ints(&mut tensor.dims)?,
                2 => tensor.data_type = field.int()?,
                4 => field.fixed(4, &mut reals)?,
                5 | 7 | 11 => field.ints(&mut ints)?,
                6 => tensor.data = Data::Texts,
                8 => tensor.name = field.text()?,
                9 => tensor.data = Data::Raw { bytes: field.message()?.range(), from },
                10 => field.fixed(8, &mut reals)?,
                13 => self.entry(field.message()?, &mut external)?,
                14 => elsewhere = field.int()? == 1,
                _ => {}
            }
        }
        if tensor.dims.len() > 64 {
            return Err(OnnxError::tensor(&tensor.name, format!("it has {} dimensions", tensor.dims.len())));
        }
        if elsewhere {
            tensor.data = Data::External(external);
        } else if !reals.is_empty() {
            tensor.data = Data::Reals(reals);
        } else if !ints.is_empty() {
            tensor.data = Data::Ints(ints);
        }
        Ok(tensor)
    }

    fn value_info(&mut self, mut message: Message) -> Result<ValueInfo> {
        self.count()?;
        let mut value = ValueInfo::default();
        while let Some((number, field)) = message.next()? {
            match number {
                1 => value.name = field.text()?,
                2 => {
                    let mut kind = field.message()?;
                    while let Some((number, field)) = kind.next()? {
                        if number == 1 {
                            value.tensor = Some(self.tensor_type(field.message()?)?);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(value)
    }

    fn tensor_type(&mut self, mut message: Message) -> Result<TensorType> {
        let mut tensor = TensorType::default();
        while let Some((number, field)) = message.next()? {
            match number {
                1 => tensor.data_type = field.int()?,
                2 => {
                    let mut shape = field.message()?;
                    let mut dimensions = Vec::new();
                    while let Some((number, field)) = shape.next()? {
                        if number == 1 {
                            self.count()?;
                            dimensions.push(dimension(field.message()?)?);
                        }
                    }
                    tensor.shape = Some(dimensions);
                }
                _ => {}
            }
        }
        Ok(tensor)
    }

    fn function(&mut self, mut message: Message) -> Result<Function> {
        self.count()?;
        let mut function = Function::default();
        while let Some((number, field)) = message.next()? {
            match number {
                1 => function.name = field.text()?,
                4 | 5 => {
                    self.count()?;
                    if number == 4 { &mut function.inputs } else { &mut function.outputs }.push(field.text()?);
                }
                7 => function.nodes.push(self.node(field.message()?, 1)?),
                9 => self.opset(field.message()?, &mut function.opsets)?,
                10 => function.domain = field.text()?,
                11 => function.defaults.push(self.attribute(field.message()?, 1)?),
                13 => function.overload = field.text()?,
                _ => {}
            }
        }
        Ok(function)
    }
}

fn dimension(mut message: Message) -> Result<Dimension> {
    let mut dimension = Dimension::Open;
    while let Some((number, field)) = message.next()? {
        match number {
            1 => dimension = Dimension::Fixed(field.int()?),
            2 => {
                let name = field.text()?;
                if !name.is_empty() {
                    dimension = Dimension::Named(name);
                }
            }
            _ => {}
        }
    }
    // Some writers give an open dimension the size 0 or −1.
    Ok(if matches!(dimension, Dimension::Fixed(size) if size < 0) { Dimension::Open } else { dimension })
}
