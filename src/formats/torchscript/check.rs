//! What is checked before libtorch's loader sees an archive.
//!
//! The loader reads pickles and compiles code by itself; it trusts that a storage is as long as the pickle says, and runs
//! `__setstate__` while it loads. So sizes are checked here, and code that touches files is refused.

use std::collections::HashMap;
use std::io::{Read, Seek};

use super::error::TorchScriptError;
use super::storages::{self, Example, Storage};
use crate::formats::archive::Archive;
use crate::model::printable::printable;

/// Whether the entries of a zip are those of a TorchScript archive.
pub fn is_torchscript<'a>(mut names: impl Iterator<Item = &'a str>) -> bool {
    names.any(|name| name.ends_with("/constants.pkl") || name.ends_with("/bytecode.pkl") || is_old_graph(name))
}

/// `NAME/model.json`, as PyTorch 1.0 to 1.3 wrote; an exported program has `NAME/models/model.json`.
fn is_old_graph(name: &str) -> bool {
    name.strip_suffix("/model.json").is_some_and(|root| !root.is_empty() && !root.contains('/'))
}

/// What an archive's code must not mention, and what to say of it.
const REFUSED: &[(&str, &str)] = &[
    (
        "ConstantMKLDNNTensor",
        "its weights were turned into oneDNN's own layout by torch.jit.optimize_for_inference and are not in the file \
         (PyTorch cannot load it either); save the module before that",
    ),
    (
        "__torch__.torch.classes.quantized",
        "a quantized model: its weights are packed 8-bit integers (torch.classes.quantized), which have no gradients and \
         cannot be shown; save the float model",
    ),
    (
        "ops.quantized.",
        "a quantized model: it calls operators on 8-bit integers (quantized::), which have no gradients and cannot be \
         shown; save the float model",
    ),
    (
        "__torch__.torch.classes.xnnpack",
        "a model made for phones by optimize_for_mobile: its weights are packed for XNNPACK and cannot be shown; save the \
         module before that",
    ),
    (
        "__torch__.torch.classes.",
        "its code asks for a class that is compiled into another program (torch.classes), which cannot be shown",
    ),
    ("from_file", "its code reads or writes files (from_file), which a model has no business to do"),
    ("torch.save(", "its code writes files (torch.save), which a model has no business to do"),
    ("aten.save(", "its code writes files (torch.save), which a model has no business to do"),
];

/// Refuses what cannot be shown, and what would make libtorch read beyond the file. Gives the input that a trace was made with.
pub(super) fn before_loading<R: Read + Seek>(archive: &mut Archive<R>) -> Result<Option<Example>, TorchScriptError> {
    let refused = |what: &str| TorchScriptError::Refused(what.to_owned());
    let names: Vec<String> = archive.names().map(str::to_owned).collect();
    if names.iter().any(|name| is_old_graph(name)) {
        return Err(refused(
            "a TorchScript archive of PyTorch 1.0 to 1.3 (model.json), which cannot be shown; load it with \
             torch.jit.load and save it again",
        ));
    }
    if !names.iter().any(|name| name.contains("/code/")) {
        return Err(refused(
            "a TorchScript archive for phones that holds bytecode only, without a graph; save the module with torch.jit.save",
        ));
    }
    archive.check_sizes()?;
    for name in names.iter().filter(|name| name.contains("/code/") && !name.ends_with(".debug_pkl")) {
        let code = archive.read(name)?;
        let code = String::from_utf8_lossy(&code);
        if nesting(&code) > MOST_NESTING {
            return Err(refused("its code is nested deeper than any network's"));
        }
        if let Some((_, why)) = REFUSED.iter().find(|(word, _)| code.contains(word)) {
            return Err(refused(why));
        }
    }
    for kind in ["data", "constants"] {
        for name in names.iter().filter(|name| name.ends_with(&format!("/{kind}.pkl"))) {
            storages_fit(archive, name)?;
        }
    }
    // A trace's input is stored without its numbers, and libtorch does not read it.
    let example = names.iter().find(|name| name.ends_with("/traced_inputs.pkl"));
    let example = example.map(|name| archive.read(name)).transpose()?;
    Ok(example.and_then(|bytes| storages::of(&bytes).ok()).and_then(|asked| asked.first))
}

/// libtorch's parser calls itself for every bracket, without a limit of its own.
const MOST_NESTING: usize = 200;

/// How deep brackets and blocks of TorchScript's code are nested.
fn nesting(code: &str) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    for line in code.lines() {
        most = most.max(line.bytes().take_while(|&byte| byte == b' ').count() / 2);
        for byte in line.bytes() {
            match byte {
                b'(' | b'[' | b'{' => open += 1,
                b')' | b']' | b'}' => open = open.saturating_sub(1),
                _ => {}
            }
            most = most.max(open);
        }
    }
    most
}

/// Checks that every storage that a pickle asks for is as long as it says.
fn storages_fit<R: Read + Seek>(archive: &mut Archive<R>, name: &str) -> Result<(), TorchScriptError> {
    let damaged = |why: String| TorchScriptError::Refused(format!("{} is damaged: {why}", printable(name)));
    let asked = storages::of(&archive.read(name)?).map_err(|why| damaged(why.to_owned()))?;
    let root = name.trim_end_matches(".pkl");
    let mut sizes: HashMap<&str, Option<u64>> = HashMap::new();
    for Storage { key, bytes } in &asked.storages {
        let entry = format!("{root}/{key}");
        match *sizes.entry(key).or_insert_with(|| archive.size(&entry)) {
            None => return Err(damaged(format!("it asks for {}, which is missing", printable(&entry)))),
            Some(there) if *bytes > there => {
                return Err(damaged(format!("it claims {bytes} bytes in {}, which has {there}", printable(&entry))));
            }
            Some(_) => {}
        }
    }
    Ok(())
}
