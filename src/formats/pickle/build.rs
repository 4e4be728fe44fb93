//! What calls in a pickle make, where the function is one of the allow-list.

use std::io::BufRead;
use std::sync::Arc;

use super::globals::Function;
use super::heap::{Instance, Node, Value};
use super::machine::Machine;
use super::{Elements, MOST_DIMENSIONS, PickleError, TensorRecord};

const ARGUMENTS: PickleError = PickleError::Damaged("it calls with the wrong arguments");

impl<R: BufRead> Machine<R> {
    /// A function called with a tuple of arguments.
    pub(super) fn call(&mut self, callee: Value, arguments: Value) -> Result<Value, PickleError> {
        let Some(Node::Sequence(arguments)) = self.node(arguments) else { return Err(ARGUMENTS) };
        // No function of the allow-list looks at more.
        let first: [Value; 8] = std::array::from_fn(|index| arguments.get(index).copied().unwrap_or(Value::None));
        let given = arguments.len();
        let (function, name) = match self.node(callee) {
            Some(Node::Global(function, name)) => (*function, Arc::clone(name)),
            Some(Node::Instance(instance)) => {
                return Err(PickleError::Global(format!("a call of what {} would give", instance.class)));
            }
            _ => return Err(PickleError::Damaged("it calls what cannot be called")),
        };
        match function {
            Function::RebuildTensor => self.tensor([first[0], first[1], first[2], first[3]], None),
            Function::RebuildTensorOfType => {
                let Some(&Node::Global(Function::ElementType(elements), _)) = self.node(first[6]) else {
                    return Err(ARGUMENTS);
                };
                self.tensor([first[0], first[1], first[2], first[3]], Some(elements))
            }
            Function::RebuildParameter => match self.node(first[0]) {
                Some(Node::Tensor(_) | Node::Unreadable(_)) => Ok(first[0]),
                _ => Err(ARGUMENTS),
            },
            // (function, type, arguments, state): the subclass is left aside, the tensor in it is plain.
            Function::RebuildFromType => match self.node(first[0]) {
                Some(Node::Global(Function::RebuildFromType, _)) => Err(ARGUMENTS),
                _ => self.call(first[0], first[2]),
            },
            Function::RebuildUnreadable(kind) => self.allocate(Node::Unreadable(kind.into())),
            Function::Dictionary => self.dictionary(first[0]),
            Function::DefaultDictionary => self.dictionary(first[1]),
            Function::Sequence => match self.node(first[0]) {
                Some(Node::Sequence(_)) => Ok(first[0]),
                _ if given == 0 => self.allocate(Node::Sequence(Vec::new())),
                _ => Err(ARGUMENTS),
            },
            Function::Reconstructor => self.reconstruct(first[0]),
            Function::Encode => self.encode(first[0]),
            Function::NumpyReconstruct => self.allocate(Node::EmptyArray),
            Function::NumpyFromBuffer => self.numpy_from_buffer(&first),
            Function::NumpyScalar => Ok(self.numpy_scalar(first[0], first[1])),
            Function::NumpyType => self.numpy_type(first[0]),
            Function::Unknown => self.instance(name, true),
            Function::System | Function::Storage(_) | Function::ElementType(_) | Function::NumpyArray => {
                Err(PickleError::Global(name.to_string()))
            }
        }
    }

    /// A new object of a class: of one that is not known, only the name is kept.
    pub(super) fn new_object(&mut self, class: Value, arguments: Value) -> Result<Value, PickleError> {
        match self.node(class) {
            Some(Node::Global(Function::Unknown, name)) => {
                let name = Arc::clone(name);
                self.instance(name, false)
            }
            _ => self.call(class, arguments),
        }
    }

    fn reconstruct(&mut self, class: Value) -> Result<Value, PickleError> {
        match self.node(class) {
            Some(Node::Global(Function::Unknown, name)) => {
                let name = Arc::clone(name);
                self.instance(name, false)
            }
            Some(Node::Global(Function::Dictionary, _)) => self.allocate(Node::Dictionary(Vec::new())),
            Some(Node::Global(_, name)) => Err(PickleError::Global(name.to_string())),
            _ => Err(ARGUMENTS),
        }
    }

    fn instance(&mut self, class: Arc<str>, called: bool) -> Result<Value, PickleError> {
        if self.stranger.is_none() {
            self.stranger = Some(Arc::clone(&class));
        }
        self.allocate(Node::Instance(Box::new(Instance { class, called, state: Value::None, entries: Vec::new() })))
    }

    /// An object's state: kept where the class is not known, left aside where nothing of it is needed.
    pub(super) fn state(&mut self, object: Value, state: Value) -> Result<(), PickleError> {
        match self.node(object) {
            Some(Node::EmptyArray | Node::Array(_)) => self.numpy_array(object, state),
            Some(Node::ElementType(..)) => {
                self.numpy_order(object, state);
                Ok(())
            }
            Some(Node::Instance(_)) => {
                // With slots the state is a pair, whose first part is the dictionary.
                let state = match self.node(state) {
                    Some(Node::Sequence(parts))
                        if parts.len() == 2 && matches!(self.node(parts[0]), Some(Node::Dictionary(_))) =>
                    {
                        parts[0]
                    }
                    _ => state,
                };
                if let Some(Node::Instance(instance)) = self.node_mut(object) {
                    instance.state = state;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A new dictionary of the pairs that are given, or an empty one.
    fn dictionary(&mut self, pairs: Value) -> Result<Value, PickleError> {
        let entries = match self.node(pairs) {
            None => Vec::new(),
            Some(Node::Dictionary(entries)) => entries.clone(),
            Some(Node::Sequence(pairs)) => {
                let pair = |&pair: &Value| match self.node(pair)? {
                    Node::Sequence(pair) => Some((*pair.first()?, *pair.get(1)?)),
                    _ => None,
                };
                pairs.iter().map(pair).collect::<Option<_>>().ok_or(ARGUMENTS)?
            }
            Some(_) => return Err(ARGUMENTS),
        };
        self.pay(std::mem::size_of_val(entries.as_slice()) as u64)?;
        self.allocate(Node::Dictionary(entries))
    }

    fn tensor(
        &mut self,
        [storage, offset, shape, strides]: [Value; 4],
        elements: Option<Elements>,
    ) -> Result<Value, PickleError> {
        let (Some(Node::Storage(storage)), Value::Int(offset)) = (self.node(storage), offset) else {
            return Err(ARGUMENTS);
        };
        let dtype = match elements.unwrap_or(storage.elements) {
            Elements::Plain(dtype) => dtype,
            Elements::Other(name, _) => {
                return self.allocate(Node::Unreadable(format!("of the element type {name}").into()));
            }
        };
        let offset = usize::try_from(offset).ok().and_then(|offset| offset.checked_add(storage.offset));
        let record = TensorRecord {
            storage: storage.key.clone(),
            dtype,
            offset: offset.ok_or(PickleError::Damaged("a tensor's place is no place"))?,
            shape: self.sizes(shape)?,
            strides: self.sizes(strides)?,
        };
        self.pay((record.storage.len() + 16 * record.shape.len()) as u64)?;
        if record.shape.len() != record.strides.len() {
            return Err(PickleError::Damaged("a tensor has not as many strides as dimensions"));
        }
        self.allocate(Node::Tensor(Box::new(record)))
    }

    pub(super) fn sizes(&self, sizes: Value) -> Result<Vec<usize>, PickleError> {
        let Some(Node::Sequence(items)) = self.node(sizes) else { return Err(ARGUMENTS) };
        if items.len() > MOST_DIMENSIONS {
            return Err(PickleError::Damaged("a tensor of more than 64 dimensions"));
        }
        let size = |item: &Value| match item {
            Value::Int(number) => usize::try_from(*number).ok(),
            _ => None,
        };
        items.iter().map(size).collect::<Option<_>>().ok_or(PickleError::Damaged("a tensor's size is no size"))
    }
}
