//! NumPy's arrays and scalars: plain data inside the pickle.

use std::io::BufRead;

use bytes::Bytes;

use super::heap::{Node, Value};
use super::machine::Machine;
use super::{ArrayRecord, Elements, PickleError};
use crate::model::graph::DType;

const ARRAY: PickleError = PickleError::Damaged("a NumPy array is not as expected");

impl<R: BufRead> Machine<R> {
    /// `numpy.dtype('f4', False, True)`
    pub(super) fn numpy_type(&mut self, name: Value) -> Result<Value, PickleError> {
        let name = self.word(name).ok_or(ARRAY)?;
        let (most_significant_first, kind) = match name.as_bytes() {
            [b'>', ..] => (true, &name[1..]),
            [b'<' | b'|' | b'=', ..] => (false, &name[1..]),
            _ => (false, name),
        };
        let elements = match kind {
            "b1" | "?" => Elements::Plain(DType::Bool),
            "u1" => Elements::Plain(DType::UInt8),
            "i1" => Elements::Plain(DType::Int8),
            "i2" => Elements::Plain(DType::Int16),
            "i4" => Elements::Plain(DType::Int32),
            "i8" => Elements::Plain(DType::Int64),
            "f2" => Elements::Plain(DType::Float16),
            "f4" => Elements::Plain(DType::Float32),
            "f8" => Elements::Plain(DType::Float64),
            // Text, objects, records, dates: nothing that a network computes with.
            _ => Elements::Other("another NumPy type", 0),
        };
        self.allocate(Node::ElementType(elements, most_significant_first))
    }

    /// `(3, '<', None, None, None, -1, -1, 0)`: the state of a type says the order of bytes.
    pub(super) fn numpy_order(&mut self, object: Value, state: Value) {
        let order = match self.node(state) {
            Some(Node::Sequence(items)) => items.get(1).and_then(|&order| self.word(order)),
            _ => None,
        };
        let order = order == Some(">");
        if let Some(Node::ElementType(_, most_significant_first)) = self.node_mut(object) {
            *most_significant_first |= order;
        }
    }

    /// `(1, shape, dtype, is_fortran, data)`
    pub(super) fn numpy_array(&mut self, object: Value, state: Value) -> Result<(), PickleError> {
        let Some(Node::Sequence(items)) = self.node(state) else { return Err(ARRAY) };
        let &[_, shape, element_type, Value::Bool(fortran), data] = items.as_slice() else { return Err(ARRAY) };
        let node = self.array(shape, element_type, fortran, data)?;
        if let Some(place) = self.node_mut(object) {
            *place = node;
        }
        Ok(())
    }

    /// `_frombuffer(buffer, dtype, shape, order)`
    pub(super) fn numpy_from_buffer(&mut self, arguments: &[Value; 8]) -> Result<Value, PickleError> {
        let fortran = self.word(arguments[3]) == Some("F");
        let node = self.array(arguments[2], arguments[1], fortran, arguments[0])?;
        self.allocate(node)
    }

    fn array(&self, shape: Value, element_type: Value, fortran: bool, data: Value) -> Result<Node, PickleError> {
        let Some(&Node::ElementType(elements, most_significant_first)) = self.node(element_type) else {
            return Err(ARRAY);
        };
        let (Elements::Plain(dtype), false) = (elements, most_significant_first) else {
            return Ok(Node::Unreadable("a NumPy array of a type that is not read".into()));
        };
        let data = match self.node(data) {
            Some(Node::Bytes(bytes)) => bytes.clone(),
            _ => return Err(ARRAY),
        };
        let shape = self.sizes(shape)?;
        let mut elements = 1_usize;
        let mut strides = vec![0; shape.len()];
        let order: Vec<usize> = if fortran { (0..shape.len()).collect() } else { (0..shape.len()).rev().collect() };
        for dimension in order {
            strides[dimension] = elements;
            elements = elements.checked_mul(shape[dimension]).ok_or(ARRAY)?;
        }
        if elements.checked_mul(dtype.size()) != Some(data.len()) {
            return Err(PickleError::Damaged("a NumPy array has not as many bytes as its shape says"));
        }
        Ok(Node::Array(Box::new(ArrayRecord { dtype, shape, strides, data })))
    }

    /// `scalar(dtype, bytes)`: a number where it is one, else nothing.
    pub(super) fn numpy_scalar(&self, element_type: Value, data: Value) -> Value {
        let Some(&Node::ElementType(elements, false)) = self.node(element_type) else { return Value::None };
        let Some(Node::Bytes(bytes)) = self.node(data) else { return Value::None };
        let float = |number: f64| Value::Float(number);
        let whole = |number: i64| Value::Int(number);
        match (elements, bytes.as_ref()) {
            (Elements::Plain(DType::Float32), &[a, b, c, d]) => float(f32::from_le_bytes([a, b, c, d]).into()),
            (Elements::Plain(DType::Float64), bytes) => {
                bytes.try_into().map(f64::from_le_bytes).map_or(Value::None, float)
            }
            (Elements::Plain(DType::Int64), bytes) => {
                bytes.try_into().map(i64::from_le_bytes).map_or(Value::None, whole)
            }
            (Elements::Plain(DType::Int32), &[a, b, c, d]) => whole(i32::from_le_bytes([a, b, c, d]).into()),
            (Elements::Plain(DType::Bool), &[byte]) => Value::Bool(byte != 0),
            _ => Value::None,
        }
    }

    /// `_codecs.encode(text, 'latin1')`: bytes as Python 3 writes them in protocol 2.
    pub(super) fn encode(&mut self, text: Value) -> Result<Value, PickleError> {
        let Some(Node::Text(text)) = self.node(text) else { return Err(ARRAY) };
        let bytes: Option<Vec<u8>> = text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect();
        let bytes = bytes.ok_or(PickleError::Damaged("bytes that are none"))?;
        self.pay(bytes.len() as u64)?;
        self.allocate(Node::Bytes(Bytes::from(bytes)))
    }
}
