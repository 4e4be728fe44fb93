"""The archive of all architectures: an index, one table of names and shapes, and each graph once."""

import hashlib
import json
import re
import zipfile

#: Nodes that give their first argument back where nothing is trained.
IDENTITIES = ("torch.ops.aten.dropout", "torch.ops.aten.feature_dropout", "torch.ops.aten.contiguous", "torch.ops.aten.clone")


def digest(*values):
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def computed(document, blob):
    """Tells what a graph computes: equal for graphs that differ in names, layers, in-place writing and identities only."""
    number, nodes = {}, []
    graph = document["graph_module"]["graph"]

    def value(name):
        return number.get(name, name)

    def argument(item):
        if isinstance(item, dict):
            return {k: value(v) if k in ("name", "as_name") and isinstance(v, str) else argument(v) for k, v in item.items()}
        return [argument(it) for it in item] if isinstance(item, list) else item

    for spec in document["graph_module"]["signature"]["input_specs"]:
        (kind, inner), = spec.items()
        if kind != "user_input":
            name = inner[f"{kind}_name"]
            number[inner["arg"]["name"]] = "constant" if kind == "tensor_constant" else name
    for node in graph["nodes"]:
        target = re.sub(r"_(\.\w+)$", r"\1", node["target"])
        inputs = [(item["name"], argument(item["arg"])) for item in node["inputs"]]
        made = [item["as_tensor"]["name"] for item in node["outputs"] if "as_tensor" in item]
        if target.startswith(IDENTITIES) and len(made) == 1 and "as_tensor" in node["inputs"][0]["arg"]:
            number[made[0]] = value(node["inputs"][0]["arg"]["as_tensor"]["name"])
            continue
        for output in node["outputs"]:
            for name in re.findall(r'"(?:as_)?name": "([^"]+)"', json.dumps(output)):
                number[name] = f"v{len(nodes)}_{name if len(made) != 1 else ''}"
        nodes.append((target, inputs))
    required = [line for line in table(document) if not line.startswith("u ")]
    return digest(nodes, required, graph["tensor_values"], hashlib.sha256(blob).hexdigest())


def table(document):
    """The lines that an architecture is found by."""
    lines = []
    for tensor in document["weights"]:
        role = tensor["role"].upper() if tensor["name"] in document["classes"] else tensor["role"]
        words = [role, tensor["kind"], tensor["name"], *map(str, tensor["shape"])]
        lines.append(" ".join(words + ([f"@{tensor['at']}"] if "at" in tensor else [])))
    return lines + [f"u {name}" for name in document["unused"]]


def pack(architectures, work, folder):
    entries, tables, graphs, known, left_out = [], [], {}, {}, []
    for architecture in architectures:
        path = work / architecture.source / f"{architecture.name}.json"
        if not path.is_file():
            left_out.append(architecture.key)
            continue
        document, blob = json.loads(path.read_text()), path.with_suffix(".bin").read_bytes()
        key = known.setdefault(computed(document, blob), architecture.key)
        if key == architecture.key:
            tables.append("\n".join([f"%{key}", *table(document)]))
            graphs[key] = (json.dumps({"graph_module": document["graph_module"]}, separators=(",", ":")), blob)
        entries.append({
            "name": architecture.name,
            "source": architecture.source,
            "graph": key,
            "preprocessing": architecture.preprocessing,
            "labels": architecture.labels,
            "classes": architecture.classes,
            **({"named_only": True} if architecture.named_only else {}),
        })
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / "architectures.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:

        def add(name, content):
            # No time of day: the same graphs make the same archive.
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 9)

        add("index.json", json.dumps(entries, separators=(",", ":")))
        add("weights.txt", "\n".join(tables) + "\n")
        for key, (text, blob) in graphs.items():
            add(f"{key}.json", text)
            if blob:
                add(f"{key}.bin", blob)
    size = (folder / "architectures.zip").stat().st_size
    print(f"not made, left out: {' '.join(left_out) or 'none'}")
    print(f"{len(entries)} architectures, {len(graphs)} graphs, {size / 1e6:.2f} MB")
