//! The storages that a pickle of a TorchScript archive asks for.
//!
//! The pickle names classes of the archive's own code, so that it cannot be read with the allow-list of checkpoints. This walk
//! builds nothing: it follows the stack just far enough to see the key, type and length of every storage and the shape of the
//! first tensor, and refuses what libtorch's own pickler does not write.

use crate::model::graph::DType;

/// A storage as the pickle describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    /// The entry's name below its folder.
    pub(super) key: String,
    /// The bytes that it must have.
    pub(super) bytes: u64,
}

/// A tensor's element type and shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Example {
    pub(super) dtype: DType,
    pub(super) shape: Vec<i64>,
}

/// What a pickle asks for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) storages: Vec<Storage>,
    /// The first tensor that it builds, where that is of a kind that a network takes.
    pub(super) first: Option<Example>,
}

#[derive(Debug, Clone)]
enum Item {
    Mark,
    Int(i64),
    Text(String),
    /// The last part of a global's name.
    Global(String),
    /// Up to the five things that describe a storage.
    Tuple(Vec<Item>),
    Storage(Option<DType>),
    /// What a tensor is rebuilt from.
    Tensor(Option<Example>),
    Other,
}

const SHORT: &str = "it is cut short";
const EMPTY: &str = "it takes from an empty stack";
/// More than any model has.
const MOST_STORAGES: usize = 1_000_000;

/// Lists the storages.
///
/// # Errors
/// What is damaged, or is not of libtorch's own writing.
pub(super) fn of(bytes: &[u8]) -> Result<Asked, &'static str> {
    Walk { bytes, at: 0, stack: Vec::new(), memo: Vec::new(), asked: Asked::default() }.run()
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Item>,
    memo: Vec<Item>,
    asked: Asked,
}

impl Walk<'_> {
    fn run(mut self) -> Result<Asked, &'static str> {
        loop {
            let [opcode] = self.take()?;
            match opcode {
                b'.' => return Ok(self.asked),
                0x80 => drop(self.take::<1>()?),
                b'(' => self.stack.push(Item::Mark),
                b'N' | 0x88 | 0x89 | b')' | b']' | b'}' => {
                    self.stack.push(if opcode == b')' { Item::Tuple(Vec::new()) } else { Item::Other });
                }
                b'K' => {
                    let [number] = self.take()?;
                    self.stack.push(Item::Int(number.into()));
                }
                b'M' => {
                    let number = u16::from_le_bytes(self.take()?);
                    self.stack.push(Item::Int(number.into()));
                }
                b'J' => {
                    let number = i32::from_le_bytes(self.take()?);
                    self.stack.push(Item::Int(number.into()));
                }
                0x8a => self.long()?,
                b'G' => {
                    self.take::<8>()?;
                    self.stack.push(Item::Other);
                }
                b'X' => {
                    let length = u32::from_le_bytes(self.take()?);
                    let text = self.text(length as usize)?;
                    self.stack.push(Item::Text(text));
                }
                b'c' => {
                    let (_, name) = (self.line()?, self.line()?);
                    self.stack.push(Item::Global(name));
                }
                b'q' => {
                    let [index] = self.take()?;
                    self.remember(index.into())?;
                }
                b'r' => {
                    let index = u32::from_le_bytes(self.take()?);
                    self.remember(index as usize)?;
                }
                b'h' => {
                    let [index] = self.take()?;
                    self.recall(index.into())?;
                }
                b'j' => {
                    let index = u32::from_le_bytes(self.take()?);
                    self.recall(index as usize)?;
                }
                b't' => {
                    let items = self.marked()?;
                    self.stack.push(tuple(items));
                }
                0x85..=0x87 => {
                    let mut items = (0..opcode - 0x84).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
                    items.reverse();
                    self.stack.push(tuple(items));
                }
                b'e' | b'u' => {
                    self.marked()?;
                    self.top()?;
                }
                b'a' | b'b' => {
                    self.pop()?;
                    self.top()?;
                }
                b's' => {
                    self.pop()?;
                    self.pop()?;
                    self.top()?;
                }
                b'R' | 0x81 => {
                    if let Item::Tensor(Some(example)) = self.pop()? {
                        self.asked.first.get_or_insert(example);
                    }
                    self.pop()?;
                    self.stack.push(Item::Other);
                }
                b'Q' => self.storage()?,
                _ => return Err("it uses an opcode that libtorch does not write"),
            }
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let taken = self.bytes.get(self.at..self.at.saturating_add(N)).ok_or(SHORT)?;
        self.at += N;
        taken.try_into().map_err(|_| SHORT)
    }

    fn text(&mut self, length: usize) -> Result<String, &'static str> {
        let taken = self.bytes.get(self.at..self.at.saturating_add(length)).ok_or(SHORT)?;
        self.at += length;
        // Long texts are code or documents, and never a storage's key.
        Ok(String::from_utf8_lossy(&taken[..taken.len().min(256)]).into_owned())
    }

    fn line(&mut self) -> Result<String, &'static str> {
        let rest = self.bytes.get(self.at..).ok_or(SHORT)?;
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or(SHORT)?;
        self.text(length).inspect(|_| self.at += 1)
    }

    fn long(&mut self) -> Result<(), &'static str> {
        let [length] = self.take()?;
        if length > 8 {
            return Err("a whole number of more than 64 bits");
        }
        let mut number = 0_i64;
        for index in 0..length {
            let [byte] = self.take()?;
            let part = if index + 1 == length { i64::from(byte.cast_signed()) } else { byte.into() };
            number |= part << (8 * index);
        }
        self.stack.push(Item::Int(number));
        Ok(())
    }

    fn pop(&mut self) -> Result<Item, &'static str> {
        match self.stack.pop() {
            None | Some(Item::Mark) => Err(EMPTY),
            Some(item) => Ok(item),
        }
    }

    fn top(&self) -> Result<(), &'static str> {
        match self.stack.last() {
            None | Some(Item::Mark) => Err(EMPTY),
            Some(_) => Ok(()),
        }
    }

    fn marked(&mut self) -> Result<Vec<Item>, &'static str> {
        let mark = self.stack.iter().rposition(|item| matches!(item, Item::Mark)).ok_or("a mark is missing")?;
        Ok(self.stack.split_off(mark).into_iter().skip(1).collect())
    }

    fn remember(&mut self, index: usize) -> Result<(), &'static str> {
        // libtorch counts without gaps.
        if index > self.memo.len() {
            return Err("a memo index out of order");
        }
        let item = self.stack.last().cloned().ok_or(EMPTY)?;
        match self.memo.get_mut(index) {
            Some(place) => *place = item,
            None => self.memo.push(item),
        }
        Ok(())
    }

    fn recall(&mut self, index: usize) -> Result<(), &'static str> {
        let item = self.memo.get(index).cloned().ok_or("it recalls what it did not keep")?;
        self.stack.push(item);
        Ok(())
    }

    /// `('storage', FloatStorage, '0', 'cpu', 216)`
    fn storage(&mut self) -> Result<(), &'static str> {
        const WRONG: &str = "a storage without type, key and length";
        let Item::Tuple(items) = self.pop()? else { return Err(WRONG) };
        let [Item::Text(_), Item::Global(kind), Item::Text(key), _, Item::Int(length)] = items.as_slice() else {
            return Err(WRONG);
        };
        let (size, dtype) = element(kind).ok_or("a storage of a type that no network has")?;
        let bytes =
            u64::try_from(*length).ok().and_then(|length| length.checked_mul(size)).ok_or("a negative length")?;
        if self.asked.storages.len() >= MOST_STORAGES {
            return Err("more storages than any model has");
        }
        self.asked.storages.push(Storage { key: key.clone(), bytes });
        self.stack.push(Item::Storage(dtype));
        Ok(())
    }
}

/// The arguments of a tensor, `(storage, offset, shape, strides, …)`, or a tuple that may describe a storage or a shape.
fn tuple(items: Vec<Item>) -> Item {
    if let [Item::Storage(dtype), Item::Int(_), Item::Tuple(sizes), ..] = items.as_slice() {
        let size = |item: &Item| if let Item::Int(size) = item { Some(*size) } else { None };
        let shape = sizes.iter().map(size).collect::<Option<Vec<i64>>>();
        return Item::Tensor(dtype.zip(shape).map(|(dtype, shape)| Example { dtype, shape }));
    }
    // Longer tuples, and tuples of tuples, describe neither.
    let plain =
        items.len() <= 8 && items.iter().all(|item| matches!(item, Item::Int(_) | Item::Text(_) | Item::Global(_)));
    if plain { Item::Tuple(items) } else { Item::Other }
}

/// Bytes of one element, and its type where a network can take it.
fn element(kind: &str) -> Option<(u64, Option<DType>)> {
    let dtype = match kind {
        "DoubleStorage" => DType::Float64,
        "FloatStorage" => DType::Float32,
        "HalfStorage" => DType::Float16,
        "BFloat16Storage" => DType::BFloat16,
        "LongStorage" => DType::Int64,
        "IntStorage" => DType::Int32,
        "ShortStorage" => DType::Int16,
        "CharStorage" => DType::Int8,
        "ByteStorage" => DType::UInt8,
        "BoolStorage" => DType::Bool,
        "ComplexFloatStorage" => return Some((8, None)),
        "ComplexDoubleStorage" => return Some((16, None)),
        "QInt32Storage" => return Some((4, None)),
        "QInt8Storage" | "QUInt8Storage" => return Some((1, None)),
        _ => return None,
    };
    Some((dtype.size() as u64, Some(dtype)))
}
