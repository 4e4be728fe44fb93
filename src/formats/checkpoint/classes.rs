//! Names of classes that people keep beside their weights.

use crate::formats::pickle::{Node, Pickle, Value};
use crate::model::Labels;

/// Names of lists of labels, or of dictionaries from index to label or back.
const NAMES: [&str; 11] = [
    "classes",
    "class_names",
    "CLASSES",
    "names",
    "labels",
    "label_names",
    "class_to_idx",
    "idx_to_class",
    "idx_to_label",
    "id2label",
    "label2id",
];

/// Dictionaries in which they are kept, too.
const KEPT_IN: [&str; 6] = ["meta", "dataset_meta", "hyper_parameters", "hparams", "config", "args"];

const MOST: usize = 100_000;

/// The labels that a checkpoint names.
pub(super) fn of(pickle: &Pickle) -> Option<Labels> {
    in_dictionary(pickle, pickle.root, 2)
}

fn in_dictionary(pickle: &Pickle, dictionary: Value, depth: usize) -> Option<Labels> {
    let here = pickle.named(dictionary, &NAMES).into_iter().flatten().find_map(|value| labels(pickle, value));
    here.or_else(|| {
        let depth = depth.checked_sub(1)?;
        pickle.named(dictionary, &KEPT_IN).into_iter().flatten().find_map(|value| in_dictionary(pickle, value, depth))
    })
}

fn labels(pickle: &Pickle, value: Value) -> Option<Labels> {
    let text = |value: Value| pickle.text(value).map(str::to_owned);
    let list: Vec<String> = match pickle.node(value)? {
        Node::Sequence(items) if items.len() <= MOST => items.iter().map(|&item| text(item)).collect::<Option<_>>()?,
        Node::Dictionary(entries) if entries.len() <= MOST => {
            let mut list = vec![None; entries.len()];
            for &(key, value) in entries {
                let (index, label) = match (key, value) {
                    (Value::Int(index), label) | (label, Value::Int(index)) => {
                        (usize::try_from(index).ok()?, text(label)?)
                    }
                    (index, label) => (pickle.text(index)?.parse().ok()?, text(label)?),
                };
                *list.get_mut(index)? = Some(label);
            }
            list.into_iter().collect::<Option<_>>()?
        }
        _ => return None,
    };
    (!list.is_empty()).then(|| Labels::from_list(list))
}
