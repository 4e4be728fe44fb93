//! Numbers and names in few characters.

/// `1.2 M`, `36.9 k`, `512`
pub(in crate::tui) fn short_count(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{:.1} k", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} M", count as f64 / 1e6),
        _ => format!("{:.1} G", count as f64 / 1e9),
    }
}

/// A share in percent: `100 %` and `0 %` are exact.
pub(super) fn percent(share: f32) -> String {
    if share <= 0.0 {
        "0 %".to_owned()
    } else if share >= 1.0 {
        "100 %".to_owned()
    } else if share < 0.0005 {
        "<0.1 %".to_owned()
    } else if share >= 0.9995 {
        ">99.9 %".to_owned()
    } else {
        format!("{:.1} %", share * 100.0)
    }
}

/// A share as a thin bar of `cells` cells, by half cells.
pub(super) fn thin_bar(share: f32, cells: usize) -> String {
    let halves = (share.clamp(0.0, 1.0) * (cells * 2) as f32).round() as usize;
    // Little is not nothing.
    let halves = if share > 0.0 { halves.max(1) } else { halves };
    let cell = |cell: usize| match halves.saturating_sub(cell * 2) {
        0 => ' ',
        1 => '╸',
        _ => '━',
    };
    (0..cells).map(cell).collect()
}

/// A number in at most seven characters.
pub(super) fn short(value: f32) -> String {
    crate::picture::scale::short(value)
}

/// The beginning of a text that has no room.
pub(super) fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        text.to_owned()
    } else {
        text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
    }
}

/// A text in lines of at most `room` characters, broken between words where there is a space.
pub(super) fn wrapped(text: &str, room: usize) -> Vec<String> {
    let room = room.max(1);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let mut rest: Vec<char> = word.chars().collect();
        if let Some(line) = lines.last_mut()
            && line.chars().count() + 1 + rest.len() <= room
        {
            line.push(' ');
            line.extend(rest);
            continue;
        }
        while !rest.is_empty() {
            let after = rest.split_off(rest.len().min(room));
            lines.push(rest.into_iter().collect());
            rest = after;
        }
    }
    lines
}

/// The end of a path says more than its beginning.
pub(super) fn end_of(path: &str, room: usize) -> String {
    let length = path.chars().count();
    if length <= room {
        path.to_owned()
    } else {
        ['…'].into_iter().chain(path.chars().skip(length + 1 - room.max(1))).collect()
    }
}
