//! Themes: every built-in one can be read on every terminal, and the user's own are files that build on them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use layerscope::terminal::ColorDepth;
use layerscope::tui::theme::{Appearance, Library, Theme};
use ratatui::style::{Color, Modifier, Style};

const DEPTHS: [ColorDepth; 3] = [ColorDepth::True, ColorDepth::Indexed256, ColorDepth::Ansi16];

/// What stands on the page, and the least contrast that it needs: 4.5 for text, 3 for what is large or no text.
fn on_the_page(theme: &Theme) -> Vec<(&'static str, Style, f32)> {
    vec![
        ("text", theme.base(), 4.5),
        ("dim", theme.dim(), 3.0),
        ("accent", theme.accent(), 3.0),
        ("border", theme.border(false), 3.0),
        ("focus", theme.border(true), 3.0),
        ("title", theme.title(false), 4.5),
        ("title-focused", theme.title(true), 3.0),
        ("good", theme.good(), 3.0),
        ("warning", theme.warning(), 3.0),
        ("error", theme.error(), 3.0),
        ("bar", theme.bar(), 3.0),
    ]
}

/// What xterm makes of the sixteen colours.
const XTERM: [(Color, [u8; 3]); 16] = [
    (Color::Black, [0, 0, 0]),
    (Color::Red, [205, 0, 0]),
    (Color::Green, [0, 205, 0]),
    (Color::Yellow, [205, 205, 0]),
    (Color::Blue, [0, 0, 238]),
    (Color::Magenta, [205, 0, 205]),
    (Color::Cyan, [0, 205, 205]),
    (Color::Gray, [229, 229, 229]),
    (Color::DarkGray, [127, 127, 127]),
    (Color::LightRed, [255, 0, 0]),
    (Color::LightGreen, [0, 255, 0]),
    (Color::LightYellow, [255, 255, 0]),
    (Color::LightBlue, [92, 92, 255]),
    (Color::LightMagenta, [255, 0, 255]),
    (Color::LightCyan, [0, 255, 255]),
    (Color::White, [255, 255, 255]),
];

/// Relative luminance by WCAG 2.1; the terminal's own colours have none.
fn luminance(color: Color) -> Option<f32> {
    let [red, green, blue] = match color {
        Color::Rgb(red, green, blue) => [red, green, blue],
        Color::Indexed(grey @ 232..) => [8 + 10 * (grey - 232); 3],
        Color::Indexed(cell @ 16..) => {
            let cell = cell - 16;
            [cell / 36, cell / 6 % 6, cell % 6].map(|level| if level == 0 { 0 } else { 55 + 40 * level })
        }
        named => XTERM.iter().find(|(known, _)| *known == named)?.1,
    };
    let [red, green, blue] = [red, green, blue].map(|level| {
        let level = f32::from(level) / 255.0;
        if level <= 0.03928 { level / 12.92 } else { ((level + 0.055) / 1.055).powf(2.4) }
    });
    Some(0.2126 * red + 0.7152 * green + 0.0722 * blue)
}

fn contrast(one: Color, other: Color) -> Option<f32> {
    let (one, other) = (luminance(one)?, luminance(other)?);
    Some((one.max(other) + 0.05) / (one.min(other) + 0.05))
}

#[test]
fn contrast_is_measured_as_wcag_does() {
    // Values of the WebAIM contrast checker.
    let grey = contrast(Color::Rgb(0x77, 0x77, 0x77), Color::Rgb(255, 255, 255)).unwrap();
    assert!((grey - 4.48).abs() < 0.01, "{grey}");
    let most = contrast(Color::Rgb(0, 0, 0), Color::Indexed(231)).unwrap();
    assert!((most - 21.0).abs() < 0.01, "{most}");
}

#[test]
fn every_theme_can_be_read() {
    let mut poor = Vec::new();
    for theme in Theme::built_in().unwrap() {
        let page = theme.base().bg.unwrap();
        for (purpose, style, least) in on_the_page(&theme) {
            if let Some(contrast) = contrast(style.fg.unwrap_or(Color::Reset), page).filter(|found| *found < least) {
                poor.push(format!("{} {purpose}: {contrast:.2} < {least}", theme.name));
            }
        }
        let selection = theme.selection();
        if let Some(contrast) = selection.fg.zip(selection.bg).and_then(|(front, back)| contrast(front, back))
            && contrast < 4.5
        {
            poor.push(format!("{} selection: {contrast:.2}", theme.name));
        }
    }
    assert!(poor.is_empty(), "{}", poor.join("\n"));
}

#[test]
fn high_contrast_has_nothing_below_seven_to_one() {
    let themes = Theme::built_in().unwrap();
    let theme = themes.iter().find(|theme| theme.name == "high-contrast").unwrap();
    for (purpose, style, _) in on_the_page(theme) {
        assert!(contrast(style.fg.unwrap(), theme.base().bg.unwrap()).unwrap() >= 7.0, "{purpose}");
    }
}

#[test]
fn dark_themes_are_dark_and_light_ones_light() {
    for theme in Theme::built_in().unwrap() {
        let base = theme.base();
        let luminance = luminance(base.bg.unwrap());
        let appearance = luminance.map(|page| if page < 0.2 { Appearance::Dark } else { Appearance::Light });
        assert_eq!(theme.appearance, appearance, "{}", theme.name);
    }
}

#[test]
fn on_fewer_colours_every_word_can_still_be_told_from_what_is_behind_it() {
    for depth in DEPTHS {
        for theme in Theme::built_in().unwrap() {
            let theme = theme.for_depth(depth);
            let page = theme.base().bg.unwrap();
            let selection = ("selection", theme.selection(), 3.0);
            for (purpose, style, least) in on_the_page(&theme).into_iter().chain([selection]) {
                let (front, back) = (style.fg.unwrap_or(Color::Reset), style.bg.unwrap_or(page));
                assert!(front != back || front == Color::Reset, "{} {purpose} at {depth:?}: {front:?}", theme.name);
                if let Some(contrast) = contrast(front, back) {
                    // The cube is coarse: half a step of contrast is lost to it.
                    assert!(contrast >= least * 0.8, "{} {purpose} at {depth:?}: {contrast:.2}", theme.name);
                }
                for color in [front, back] {
                    let there_is = match color {
                        Color::Rgb(..) => depth == ColorDepth::True,
                        Color::Indexed(_) => depth >= ColorDepth::Indexed256,
                        _ => true,
                    };
                    assert!(there_is, "{} {purpose} at {depth:?}: {color:?}", theme.name);
                }
            }
        }
    }
}

#[test]
fn the_nearest_of_256_and_of_16_colours_is_taken() {
    let theme = || Theme::parse("background = \"#000000\"\naccent = \"#ff0000\"\ngood = \"#5f87af\"").unwrap();
    let cube = theme().for_depth(ColorDepth::Indexed256);
    assert_eq!((cube.accent().fg, cube.good().fg), (Some(Color::Indexed(196)), Some(Color::Indexed(67))));
    assert_eq!(cube.base().bg, Some(Color::Indexed(16)));
    let sixteen = theme().for_depth(ColorDepth::Ansi16);
    assert_eq!((sixteen.accent().fg, sixteen.base().bg), (Some(Color::LightRed), Some(Color::Black)));
}

#[test]
fn monochrome_has_no_colour_at_all() {
    let themes = Theme::built_in().unwrap();
    let theme = themes.iter().find(|theme| theme.name == "monochrome").unwrap();
    for (purpose, style, _) in on_the_page(theme) {
        assert!(matches!(style.fg, None | Some(Color::Reset)), "{purpose}");
        assert!(matches!(style.bg, None | Some(Color::Reset)), "{purpose}");
    }
    assert!(theme.selection().add_modifier.contains(Modifier::REVERSED));
}

#[test]
fn a_theme_inherits_styles_and_may_give_its_parents_palette_other_colours() {
    let theme = Theme::parse("inherits = \"nord\"\nerror = \"nord9\"\n[palette]\nnord8 = \"#123456\"").unwrap();
    assert_eq!(theme.accent().fg, Some(Color::Rgb(0x12, 0x34, 0x56)));
    assert_eq!(theme.error().fg, Some(Color::Rgb(0x81, 0xa1, 0xc1)));
    assert_eq!(theme.appearance, Some(Appearance::Dark));
}

#[test]
fn what_a_theme_does_not_say_follows_from_what_it_says() {
    let theme = Theme::parse("text = \"white\"\naccent = \"red\"").unwrap();
    assert_eq!(theme.dim().fg, Some(Color::White));
    assert_eq!(theme.border(true).fg, Some(Color::Red));
    assert_eq!(theme.bar().fg, Some(Color::Red));
    assert!(theme.title(true).add_modifier.contains(Modifier::BOLD));
    assert!(theme.selection().add_modifier.contains(Modifier::REVERSED));
    assert_eq!(theme.base().bg, Some(Color::Reset));
}

#[test]
fn what_is_wrong_in_a_theme_is_one_line_with_its_place() {
    for (text, message) in [
        (
            "text = \"no colour\"",
            "line 1: 'no colour' is no colour: #rrggbb, a name such as cyan, or one of the palette",
        ),
        (
            "text = \"frst\"\n[palette]\nfrost = \"#88c0d0\"",
            "line 1: 'frst' is no colour: #rrggbb, a name such as cyan, or one of the palette; did you mean frost?",
        ),
        ("\n\naccnt = \"red\"", "line 3: a theme has no 'accnt'; did you mean accent?"),
        ("text = 3", "line 1: text is a colour or { fg = …, bg = …, modifiers = [ … ] }"),
        ("text = { fg = \"red\", gb = \"blue\" }", "line 1: a style has fg, bg and modifiers, not 'gb'"),
        (
            "text = { modifiers = [\"fat\"] }",
            "line 1: 'fat' is no modifier; there are bold, dim, italic, underlined, reversed, crossed-out",
        ),
        ("appearance = \"grey\"", "line 1: appearance is dark or light, not 'grey'"),
        ("[palette]\nred = \"#12\"", "line 2: '#12' is no colour: #rrggbb, a name such as cyan, or one of the palette"),
        ("inherits = \"nrd\"", "line 1: there is no theme 'nrd' to inherit from; did you mean nord?"),
    ] {
        let error = Theme::parse(text).unwrap_err().to_string();
        assert_eq!(error, format!("theme theme, {message}"));
    }
    let error = Theme::parse("text = \"red\"\nbar = ").unwrap_err().to_string();
    assert!(error.starts_with("theme theme, line 2: ") && error.lines().count() == 1, "{error}");
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}

fn named<'a>(library: &'a Library, name: &str) -> Option<&'a Theme> {
    library.themes.iter().find(|theme| theme.name == name)
}

#[test]
fn the_users_own_themes_are_read_and_win_by_their_name() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "mine.toml", "inherits = \"nord\"\naccent = \"cyan\"");
    write(folder.path(), "nord.toml", "inherits = \"nord\"\naccent = \"green\"");
    write(folder.path(), "notes.txt", "no theme");
    let library = Library::with_folder(folder.path()).unwrap();
    assert_eq!(library.warnings, [""; 0]);
    assert_eq!(library.themes.len(), Theme::built_in().unwrap().len() + 1);
    let mine = named(&library, "mine").unwrap();
    assert_eq!(mine.accent().fg, Some(Color::Cyan));
    let nord = named(&library, "nord").unwrap();
    assert_eq!(nord.accent().fg, Some(Color::Green), "the user's wins");
    assert_eq!(nord.base().bg, Some(Color::Rgb(0x2e, 0x34, 0x40)), "and builds on the built-in one of its name");
    assert_eq!(Library::with_folder(&folder.path().join("absent")).unwrap().warnings, [""; 0]);
}

#[test]
fn a_broken_theme_is_a_warning_and_the_others_are_there() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.toml", "inherits = \"b\"");
    write(folder.path(), "b.toml", "inherits = \"c\"");
    write(folder.path(), "c.toml", "inherits = \"a\"");
    write(folder.path(), "lost.toml", "inherits = \"nowhere\"");
    write(folder.path(), "nord.toml", "accent = 7");
    write(folder.path(), "sane.toml", "accent = \"red\"");
    let library = Library::with_folder(folder.path()).unwrap();
    assert_eq!(
        library.warnings,
        [
            "theme nord, line 1: accent is a colour or { fg = …, bg = …, modifiers = [ … ] }",
            "theme a, line 1: it inherits from itself: a → b → c → a",
            "theme lost, line 1: there is no theme 'nowhere' to inherit from",
        ]
    );
    assert!(named(&library, "sane").is_some() && named(&library, "nord").is_some() && named(&library, "a").is_none());
    assert_eq!(library.position("sane"), Ok(library.themes.len() - 1));
    assert_eq!(library.position("nrod"), Err("there is no theme 'nrod'; did you mean nord?".to_owned()));
}
