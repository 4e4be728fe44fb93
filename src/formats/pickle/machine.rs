//! The stack machine that a pickle is a program for.

use std::io::BufRead;
use std::sync::Arc;

use bytes::Bytes;

use super::globals::function;
use super::heap::{Id, LONGEST_WORD, Node, Pickle, Value};
use super::input::{Input, SHORT};
use super::{Elements, PickleError, StorageRecord};
use crate::model::printable;

/// Most opcodes that are followed: the state of a large model and its optimizer takes a hundredth of it.
const MOST_OPCODES: u64 = 16_000_000;
/// Most objects in the heap.
const MOST_NODES: usize = 4_000_000;
/// Characters of a global's name that are kept for messages.
const LONGEST_NAME: usize = 200;
/// Longest key of a storage, which is a number.
const LONGEST_KEY: usize = 64;
/// Bytes that calls may copy for each byte of the pickle.
const MOST_COPIES: u64 = 8;

pub(super) struct Machine<R> {
    input: Input<R>,
    pub(super) nodes: Vec<Node>,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: Vec<Option<Value>>,
    pub(super) stranger: Option<Arc<str>>,
    /// Memory that calls have copied.
    copied: u64,
}

const EMPTY: PickleError = PickleError::Damaged("it takes from an empty stack");

impl<R: BufRead> Machine<R> {
    pub(super) fn new(input: Input<R>) -> Self {
        Self {
            input,
            nodes: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Vec::new(),
            stranger: None,
            copied: 0,
        }
    }

    pub(super) fn run(mut self) -> Result<Pickle, PickleError> {
        for _ in 0..MOST_OPCODES {
            let [opcode] = self.input.take()?;
            match opcode {
                b'.' => {
                    let root = self.pop()?;
                    return Ok(Pickle { nodes: self.nodes, root, stranger: self.stranger });
                }
                0x80 => drop(self.input.take::<1>()?),
                0x95 => drop(self.input.take::<8>()?),
                b'(' => self.marks.push(self.stack.len()),
                b'0' => self.drop_top()?,
                b'1' => drop(self.marked()?),
                b'2' => {
                    let top = self.top()?;
                    self.stack.push(top);
                }
                b'N' => self.stack.push(Value::None),
                0x88 => self.stack.push(Value::Bool(true)),
                0x89 => self.stack.push(Value::Bool(false)),
                b'I' | b'L' | b'F' | b'K' | b'M' | b'J' | b'G' | 0x8a | 0x8b => self.number(opcode)?,
                b'X' | 0x8c | 0x8d => {
                    let length = self.length(opcode)?;
                    self.text(length)?;
                }
                b'U' | b'T' | b'B' | b'C' | 0x8e | 0x96 => {
                    let length = self.length(opcode)?;
                    let bytes = self.input.bytes(length)?;
                    self.push(Node::Bytes(Bytes::from(bytes)))?;
                }
                b'V' => {
                    let line = self.input.line()?;
                    self.push(Node::Text(line))?;
                }
                b')' | b']' | 0x8f => self.push(Node::Sequence(Vec::new()))?,
                b'}' => self.push(Node::Dictionary(Vec::new()))?,
                b't' | b'l' | 0x91 => {
                    let items = self.marked()?;
                    self.push(Node::Sequence(items))?;
                }
                b'd' => {
                    let items = self.marked()?;
                    self.push(Node::Dictionary(Vec::new()))?;
                    self.insert(&items)?;
                }
                0x85..=0x87 => self.tuple(usize::from(opcode - 0x84))?,
                b'a' => {
                    let item = self.pop()?;
                    self.extend(&[item])?;
                }
                b'e' | 0x90 => {
                    let items = self.marked()?;
                    self.extend(&items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.insert(&[key, value])?;
                }
                b'u' => {
                    let items = self.marked()?;
                    self.insert(&items)?;
                }
                b'q' | b'r' | b'p' | 0x94 => self.remember(opcode)?,
                b'h' | b'j' | b'g' => self.recall(opcode)?,
                b'c' => {
                    let (module, name) = (self.input.line()?, self.input.line()?);
                    self.global(&module, &name)?;
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let (module, name) = self.name_of_global(module, name)?;
                    self.global(&module, &name)?;
                }
                b'Q' => {
                    let id = self.pop()?;
                    self.persistent(id)?;
                }
                b'R' => {
                    let (arguments, callee) = (self.pop()?, self.pop()?);
                    let made = self.call(callee, arguments)?;
                    self.stack.push(made);
                }
                0x81 => {
                    let (arguments, class) = (self.pop()?, self.pop()?);
                    let made = self.new_object(class, arguments)?;
                    self.stack.push(made);
                }
                0x92 => {
                    let (_, arguments, class) = (self.pop()?, self.pop()?, self.pop()?);
                    let made = self.new_object(class, arguments)?;
                    self.stack.push(made);
                }
                b'b' => {
                    let state = self.pop()?;
                    let object = self.top()?;
                    self.state(object, state)?;
                }
                other => return Err(PickleError::Opcode(other)),
            }
        }
        Err(PickleError::TooLarge("16 million steps"))
    }

    /// Puts a node into the heap.
    pub(super) fn allocate(&mut self, node: Node) -> Result<Value, PickleError> {
        if self.nodes.len() >= MOST_NODES {
            return Err(PickleError::TooLarge("4 million objects"));
        }
        self.nodes.push(node);
        Ok(Value::Node(Id(u32::try_from(self.nodes.len() - 1).map_err(|_| SHORT)?)))
    }

    pub(super) fn node(&self, value: Value) -> Option<&Node> {
        match value {
            Value::Node(id) => self.nodes.get(id.0 as usize),
            _ => None,
        }
    }

    pub(super) fn node_mut(&mut self, value: Value) -> Option<&mut Node> {
        match value {
            Value::Node(id) => self.nodes.get_mut(id.0 as usize),
            _ => None,
        }
    }

    fn push(&mut self, node: Node) -> Result<(), PickleError> {
        let value = self.allocate(node)?;
        self.stack.push(value);
        Ok(())
    }

    /// Allows a call to copy memory, in all no more than a small multiple of what the pickle itself has brought.
    pub(super) fn pay(&mut self, copied: u64) -> Result<(), PickleError> {
        self.copied = self.copied.saturating_add(copied);
        let most = self.input.at().saturating_mul(MOST_COPIES);
        if self.copied > most { Err(PickleError::Damaged("it copies more than it holds")) } else { Ok(()) }
    }

    fn number(&mut self, opcode: u8) -> Result<(), PickleError> {
        const WRONG: PickleError = PickleError::Damaged("a number that is none");
        let value = match opcode {
            b'K' => Value::Int(u8::from_le_bytes(self.input.take()?).into()),
            b'M' => Value::Int(u16::from_le_bytes(self.input.take()?).into()),
            b'J' => Value::Int(i32::from_le_bytes(self.input.take()?).into()),
            b'G' => Value::Float(f64::from_be_bytes(self.input.take()?)),
            b'I' => match self.input.line()?.as_str() {
                "00" => Value::Bool(false),
                "01" => Value::Bool(true),
                digits => Value::Int(digits.parse().map_err(|_| WRONG)?),
            },
            b'L' => Value::Int(self.input.line()?.trim_end_matches('L').parse().map_err(|_| WRONG)?),
            b'F' => Value::Float(self.input.line()?.parse().map_err(|_| WRONG)?),
            _ => {
                let length = if opcode == 0x8a {
                    u8::from_le_bytes(self.input.take()?).into()
                } else {
                    u32::from_le_bytes(self.input.take()?).into()
                };
                let bytes = self.input.bytes(length)?;
                if bytes.len() > 8 {
                    return self.push(Node::Large(bytes));
                }
                let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
                let mut whole = if negative { [0xff; 8] } else { [0; 8] };
                whole[..bytes.len()].copy_from_slice(&bytes);
                Value::Int(i64::from_le_bytes(whole))
            }
        };
        self.stack.push(value);
        Ok(())
    }

    /// Length of a text or of bytes, as long as the opcode says.
    fn length(&mut self, opcode: u8) -> Result<u64, PickleError> {
        Ok(match opcode {
            b'U' | b'C' | 0x8c => u8::from_le_bytes(self.input.take()?).into(),
            b'X' | b'T' | b'B' => u32::from_le_bytes(self.input.take()?).into(),
            _ => u64::from_le_bytes(self.input.take()?),
        })
    }

    fn text(&mut self, length: u64) -> Result<(), PickleError> {
        let bytes = self.input.bytes(length)?;
        let text =
            String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        self.push(Node::Text(text))
    }

    fn top(&self) -> Result<Value, PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor { Err(EMPTY) } else { self.stack.last().copied().ok_or(EMPTY) }
    }

    fn pop(&mut self) -> Result<Value, PickleError> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// `POP`, which takes a mark too.
    fn drop_top(&mut self) -> Result<(), PickleError> {
        if self.marks.last() == Some(&self.stack.len()) {
            self.marks.pop();
        } else {
            self.pop()?;
        }
        Ok(())
    }

    fn marked(&mut self) -> Result<Vec<Value>, PickleError> {
        let mark = self.marks.pop().ok_or(PickleError::Damaged("a mark is missing"))?;
        if mark > self.stack.len() { Err(EMPTY) } else { Ok(self.stack.split_off(mark)) }
    }

    fn tuple(&mut self, length: usize) -> Result<(), PickleError> {
        let mut items = (0..length).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        items.reverse();
        self.push(Node::Sequence(items))
    }

    fn extend(&mut self, items: &[Value]) -> Result<(), PickleError> {
        let list = self.top()?;
        match self.node_mut(list) {
            Some(Node::Sequence(list)) => list.extend(items),
            // A class that derives from a list: its items are no names.
            Some(Node::Instance(_)) => {}
            _ => return Err(PickleError::Damaged("it appends to what is no list")),
        }
        Ok(())
    }

    fn insert(&mut self, items: &[Value]) -> Result<(), PickleError> {
        let dictionary = self.top()?;
        let entries = match self.node_mut(dictionary) {
            Some(Node::Dictionary(entries)) => entries,
            Some(Node::Instance(instance)) => &mut instance.entries,
            _ => return Err(PickleError::Damaged("it inserts into what is no dictionary")),
        };
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(PickleError::Damaged("a key without a value"));
        }
        entries.extend(pairs.iter().map(|&[key, value]| (key, value)));
        Ok(())
    }

    fn remember(&mut self, opcode: u8) -> Result<(), PickleError> {
        let index = if opcode == 0x94 { self.memo.len() as u64 } else { self.memo_index(opcode)? };
        // Each entry of the memo takes at least one byte of the pickle: a larger index would be an attack on memory.
        if index > self.input.at() {
            return Err(PickleError::Damaged("a memo index out of range"));
        }
        let (index, top) = (index as usize, self.top()?);
        if self.memo.len() <= index {
            self.memo.resize(index + 1, None);
        }
        self.memo[index] = Some(top);
        Ok(())
    }

    fn recall(&mut self, opcode: u8) -> Result<(), PickleError> {
        let index = self.memo_index(opcode)?;
        let kept = usize::try_from(index).ok().and_then(|index| self.memo.get(index).copied().flatten());
        self.stack.push(kept.ok_or(PickleError::Damaged("it recalls what it did not keep"))?);
        Ok(())
    }

    fn memo_index(&mut self, opcode: u8) -> Result<u64, PickleError> {
        Ok(match opcode {
            b'q' | b'h' => u8::from_le_bytes(self.input.take()?).into(),
            b'r' | b'j' => u32::from_le_bytes(self.input.take()?).into(),
            _ => self.input.line()?.parse().map_err(|_| PickleError::Damaged("a memo index that is no number"))?,
        })
    }

    fn global(&mut self, module: &str, name: &str) -> Result<(), PickleError> {
        let full = format!("{module}.{name}");
        let shown: String = printable(&full).chars().take(LONGEST_NAME).collect();
        self.push(Node::Global(function(module, name), shown.into()))
    }

    /// Module and name of a global, from the two values that name it.
    fn name_of_global(&self, module: Value, name: Value) -> Result<(String, String), PickleError> {
        const LONGEST: usize = 4096;
        let text = |value| match self.node(value) {
            Some(Node::Text(text)) if text.len() <= LONGEST => Ok(text.clone()),
            _ => Err(PickleError::Damaged("a global without a name")),
        };
        Ok((text(module)?, text(name)?))
    }

    /// `('storage', torch.FloatStorage, '0', 'cpu', 216)`, in old files with a view at the end: `(key, offset, length)`; or
    /// `('module', Class, file, source)`, which stands for the class.
    fn persistent(&mut self, id: Value) -> Result<(), PickleError> {
        const WRONG: PickleError = PickleError::Damaged("a storage without type and key");
        let Some(Node::Sequence(items)) = self.node(id) else { return Err(WRONG) };
        let word = items.first().and_then(|&item| self.word(item));
        match (word, items.as_slice()) {
            (Some("storage"), &[_, class, key, _, _, ref rest @ ..]) => {
                let elements = self.storage_class(class).ok_or(WRONG)?;
                let key = match key {
                    Value::Int(number) => number.to_string(),
                    other => self.word(other).filter(|key| key.len() <= LONGEST_KEY).ok_or(WRONG)?.to_owned(),
                };
                let offset = match rest.first().and_then(|&view| self.node(view)) {
                    Some(Node::Sequence(view)) => match view.as_slice() {
                        &[_, Value::Int(offset), _] => usize::try_from(offset).map_err(|_| WRONG)?,
                        _ => return Err(WRONG),
                    },
                    _ => 0,
                };
                self.push(Node::Storage(Box::new(StorageRecord { key, elements, offset })))
            }
            (Some("module"), &[_, class, ..]) => {
                self.stack.push(class);
                Ok(())
            }
            _ => Err(WRONG),
        }
    }

    /// A text, also as Python 2 wrote it.
    pub(super) fn word(&self, value: Value) -> Option<&str> {
        match self.node(value)? {
            Node::Text(text) => Some(text),
            Node::Bytes(bytes) if bytes.len() <= LONGEST_WORD => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    fn storage_class(&self, class: Value) -> Option<Elements> {
        match self.node(class)? {
            Node::Global(super::Function::Storage(elements), _) => Some(*elements),
            _ => None,
        }
    }
}
