//! The functions and classes that a pickle may name.

use super::Elements;
use crate::model::graph::DType;

/// A function or class, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the functions'")]
pub enum Function {
    RebuildTensor,
    RebuildTensorOfType,
    RebuildParameter,
    RebuildFromType,
    /// A function that makes a tensor which cannot be read, and what kind it is.
    RebuildUnreadable(&'static str),
    /// A class of storages.
    Storage(Elements),
    /// `torch.float32` and its like: named, never called.
    ElementType(Elements),
    /// `OrderedDict`, `dict`, `Counter`.
    Dictionary,
    /// `defaultdict`, whose first argument is a function.
    DefaultDictionary,
    /// `list`, `tuple`, `set`, `torch.Size`, `deque`.
    Sequence,
    /// `copyreg._reconstructor`, which makes an object of the class that it is given.
    Reconstructor,
    /// `_codecs.encode`, as Python 3 writes bytes in protocol 2.
    Encode,
    NumpyReconstruct,
    NumpyFromBuffer,
    NumpyArray,
    NumpyScalar,
    NumpyType,
    /// Not known: what it would make is kept as its name.
    Unknown,
    /// Of Python's own system: a call of it ends the reading.
    System,
}

/// What a global is.
pub(super) fn function(module: &str, name: &str) -> Function {
    match module {
        "torch.storage" if name == "UntypedStorage" => Function::Storage(Elements::Plain(DType::UInt8)),
        "torch" | "torch.storage" => torch(name),
        "torch._utils" | "torch._tensor" => rebuild(name),
        // As PyTorch wrote parameters before 0.4.1.
        "torch.nn.parameter" if matches!(name, "Parameter" | "Buffer") => Function::RebuildParameter,
        "collections" | "builtins" | "__builtin__" | "copyreg" | "copy_reg" | "_codecs" => python(module, name),
        _ if is_numpy(module) => numpy(name),
        _ if is_system(module) => Function::System,
        _ => Function::Unknown,
    }
}

fn rebuild(name: &str) -> Function {
    match name {
        "_rebuild_tensor_v2" | "_rebuild_tensor" => Function::RebuildTensor,
        "_rebuild_tensor_v3" => Function::RebuildTensorOfType,
        "_rebuild_parameter" | "_rebuild_parameter_with_state" => Function::RebuildParameter,
        "_rebuild_from_type_v2" | "_rebuild_from_type" => Function::RebuildFromType,
        "_rebuild_sparse_tensor" | "_rebuild_sparse_csr_tensor" => Function::RebuildUnreadable("sparse"),
        "_rebuild_qtensor" => Function::RebuildUnreadable("quantized"),
        "_rebuild_nested_tensor" => Function::RebuildUnreadable("nested"),
        "_rebuild_meta_tensor_no_storage" => Function::RebuildUnreadable("a meta tensor, without numbers"),
        "_rebuild_wrapper_subclass" | "_rebuild_xla_tensor" | "_rebuild_device_tensor_from_numpy" => {
            Function::RebuildUnreadable("of a device or subclass of its own")
        }
        _ => Function::Unknown,
    }
}

fn torch(name: &str) -> Function {
    if name == "Size" {
        return Function::Sequence;
    }
    let of = |kind| element_type(kind).map(Function::Storage);
    match name {
        "FloatStorage" => of("float32"),
        "DoubleStorage" => of("float64"),
        "HalfStorage" => of("float16"),
        "BFloat16Storage" => of("bfloat16"),
        "LongStorage" => of("int64"),
        "IntStorage" => of("int32"),
        "ShortStorage" => of("int16"),
        "CharStorage" => of("int8"),
        "ByteStorage" => of("uint8"),
        "BoolStorage" => of("bool"),
        "ComplexFloatStorage" => of("complex64"),
        "ComplexDoubleStorage" => of("complex128"),
        "QInt8Storage" => of("qint8"),
        "QUInt8Storage" => of("quint8"),
        "QInt32Storage" => of("qint32"),
        _ => element_type(name).map(Function::ElementType),
    }
    .unwrap_or(Function::Unknown)
}

/// An element type by torch's name.
fn element_type(name: &str) -> Option<Elements> {
    Some(match name {
        "float32" | "float" => Elements::Plain(DType::Float32),
        "float64" | "double" => Elements::Plain(DType::Float64),
        "float16" | "half" => Elements::Plain(DType::Float16),
        "bfloat16" => Elements::Plain(DType::BFloat16),
        "int64" | "long" => Elements::Plain(DType::Int64),
        "int32" | "int" => Elements::Plain(DType::Int32),
        "int16" | "short" => Elements::Plain(DType::Int16),
        "int8" => Elements::Plain(DType::Int8),
        "uint8" => Elements::Plain(DType::UInt8),
        "bool" => Elements::Plain(DType::Bool),
        "complex32" => Elements::Other("complex32", 4),
        "complex64" => Elements::Other("complex64", 8),
        "complex128" => Elements::Other("complex128", 16),
        "qint8" => Elements::Other("qint8", 1),
        "quint8" => Elements::Other("quint8", 1),
        "qint32" => Elements::Other("qint32", 4),
        "uint16" => Elements::Other("uint16", 2),
        "uint32" => Elements::Other("uint32", 4),
        "uint64" => Elements::Other("uint64", 8),
        "float8_e4m3fn" => Elements::Other("float8_e4m3fn", 1),
        "float8_e4m3fnuz" => Elements::Other("float8_e4m3fnuz", 1),
        "float8_e5m2" => Elements::Other("float8_e5m2", 1),
        "float8_e5m2fnuz" => Elements::Other("float8_e5m2fnuz", 1),
        "float8_e8m0fnu" => Elements::Other("float8_e8m0fnu", 1),
        _ => return None,
    })
}

fn python(module: &str, name: &str) -> Function {
    match (module, name) {
        ("collections", "OrderedDict" | "Counter") | ("builtins" | "__builtin__", "dict") => Function::Dictionary,
        ("collections", "defaultdict") => Function::DefaultDictionary,
        ("collections", "deque") | ("builtins" | "__builtin__", "list" | "tuple" | "set" | "frozenset") => {
            Function::Sequence
        }
        ("copyreg" | "copy_reg", "_reconstructor") => Function::Reconstructor,
        ("_codecs", "encode") => Function::Encode,
        // Plain values, and what Python itself writes for enumerations and bound methods.
        ("builtins" | "__builtin__", "object" | "complex" | "slice" | "range" | "xrange" | "bytearray" | "getattr") => {
            Function::Unknown
        }
        ("builtins" | "__builtin__" | "_codecs", _) => Function::System,
        _ => Function::Unknown,
    }
}

fn is_numpy(module: &str) -> bool {
    matches!(
        module,
        "numpy"
            | "numpy.core.multiarray"
            | "numpy._core.multiarray"
            | "numpy.core.numeric"
            | "numpy._core.numeric"
            | "numpy.dtypes"
    )
}

fn numpy(name: &str) -> Function {
    match name {
        "_reconstruct" => Function::NumpyReconstruct,
        "_frombuffer" => Function::NumpyFromBuffer,
        "ndarray" => Function::NumpyArray,
        "scalar" => Function::NumpyScalar,
        "dtype" => Function::NumpyType,
        _ => Function::Unknown,
    }
}

/// Modules of which no model needs a function called.
fn is_system(module: &str) -> bool {
    let package = module.split('.').next().unwrap_or(module);
    matches!(
        package,
        "os" | "posix"
            | "nt"
            | "ntpath"
            | "posixpath"
            | "subprocess"
            | "_posixsubprocess"
            | "sys"
            | "pty"
            | "popen2"
            | "commands"
            | "platform"
            | "shutil"
            | "socket"
            | "importlib"
            | "runpy"
            | "pkgutil"
            | "imp"
            | "code"
            | "codeop"
            | "bdb"
            | "pdb"
            | "timeit"
            | "trace"
            | "cProfile"
            | "profile"
            | "ctypes"
            | "pickle"
            | "_pickle"
            | "cPickle"
            | "marshal"
            | "shelve"
            | "webbrowser"
            | "urllib"
            | "urllib2"
            | "http"
            | "ftplib"
            | "smtplib"
            | "requests"
            | "pip"
            | "ensurepip"
            | "venv"
            | "multiprocessing"
            | "asyncio"
            | "signal"
            | "threading"
            | "_thread"
    )
}
