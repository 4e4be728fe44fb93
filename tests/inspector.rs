//! The inspector's screens and what keys do, without a terminal and without an engine: events are plain data.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/inspector.rs"]
mod inspector;

use std::collections::HashSet;
use std::path::PathBuf;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEventKind};
use inspector::{Inspector, model};
use layerscope::methods::registry::Kind;
use layerscope::model::LayerId;
use layerscope::service::protocol::{Chosen, ClassId, Content, Event, Order, Pane, Request, Target};
use layerscope::terminal::encoder::Slot;
use layerscope::tui::action::BINDINGS;
use layerscope::tui::drawing::Wanted;
use layerscope::tui::panes;
use layerscope::tui::state::Focus;
use layerscope::tui::theme::Theme;
use layerscope::tui::update::Effect;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;

fn slots(wanted: &[Wanted]) -> Vec<Slot> {
    wanted.iter().map(|wanted| wanted.slot).collect()
}

#[test]
fn the_first_frame_says_what_is_being_opened() {
    let mut inspector = Inspector::new(80, 24);
    inspector.tell(Event::Progress { pane: Pane::Input, what: "opening tinynet.pt2".to_owned(), done: None });
    assert!(inspector.screen().contains("opening tinynet.pt2"));
}

#[test]
fn screens_of_every_size_show_all_three_panes() {
    for (columns, rows) in [(80, 24), (120, 40), (200, 60)] {
        let inspector = Inspector::opened(columns, rows);
        let screen = inspector.screen();
        for words in ["Layers", "stem · activations", "Heatmap", "tabby"] {
            assert!(screen.contains(words), "{columns}×{rows} without {words}:\n{screen}");
        }
        insta::assert_snapshot!(format!("inspector_{columns}x{rows}"), screen);
    }
}

#[test]
fn a_screen_that_is_too_small_says_so() {
    assert!(Inspector::opened(30, 8).screen().contains("too few"));
}

#[test]
fn walking_the_tree_asks_for_each_layers_channels_and_comes_back_without_asking_again() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["j", "j"]);
    assert_eq!(inspector.state.layer, LayerId(2));
    assert!(inspector.screen().contains("block.conv · activations"));
    let asked = inspector.asked.len();
    inspector.press(&["k", "j"]);
    assert_eq!(inspector.asked.len(), asked, "pages that were seen are kept");
}

#[test]
fn a_folded_layer_hides_what_is_in_it() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["j", "h"]);
    assert!(!inspector.screen().contains("    conv "));
    inspector.press(&["j"]);
    assert_eq!(inspector.state.layer, LayerId(4), "the cursor steps over what is hidden");
    inspector.press(&["k", "l"]);
    assert!(inspector.screen().contains("    conv "));
}

#[test]
fn layers_with_nan_and_dead_layers_are_marked() {
    let screen = Inspector::opened(120, 40).screen();
    let row = |name: &str| screen.lines().find(|line| line.contains(name)).unwrap().to_owned();
    let mark = |name: &str| row(name).split("││").next().unwrap().to_owned();
    assert!(mark("    conv ").contains('!'), "{}", row("    conv "));
    assert!(mark("    relu ").trim_end_matches(['│', ' ']).ends_with('0'), "{}", row("    relu "));
}

#[test]
fn the_cursor_walks_the_page_and_turns_pages() {
    let mut inspector = Inspector::opened(80, 24);
    inspector.press(&["Enter"]);
    assert_eq!(inspector.state.focus, Focus::Channels);
    inspector.press(&["l", "l"]);
    assert_eq!(inspector.state.channel, 2);
    inspector.press(&["G"]);
    assert_eq!(inspector.state.channel, 39);
    assert!(inspector.screen().contains("of 40"));
    inspector.press(&["l"]);
    assert_eq!(inspector.state.channel, 39, "the last channel is the end");
    inspector.press(&["g", "g"]);
    assert_eq!(inspector.state.channel, 0);
}

#[test]
fn a_long_path_is_cut_at_its_beginning() {
    let mut inspector = Inspector::new(120, 40);
    let Event::Opened(mut model) = model() else { panic!("a model") };
    model.layers[0].path = "backbone.stages.3.blocks.11.attention.projection".to_owned();
    inspector.tell(Event::Opened(model));
    let screen = inspector.screen();
    assert!(screen.contains("projection · activations ─"), "{screen}");
}

#[test]
fn the_next_page_begins_where_this_one_ends() {
    for (columns, rows) in [(80, 24), (120, 40), (200, 60)] {
        let mut inspector = Inspector::opened(columns, rows);
        let (mut next, total) = (0, 500);
        inspector.state.run.as_mut().unwrap().layers.get_mut(&LayerId(0)).unwrap().channels = total;
        inspector.press(&["Enter", "G", "g", "g"]);
        while next < total {
            let (first, count, _) = inspector.state.page().unwrap().extent();
            assert_eq!(first, next, "{columns}×{rows}");
            next += count;
            inspector.press(&["PageDown"]);
        }
    }
}

#[test]
fn enter_zooms_into_a_channel_with_statistics_and_histogram() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["Enter", "l", "Enter"]);
    let (screen, wanted) = inspector.draw();
    assert!(screen.contains("zeros 25.0 %") && screen.contains("8×8"), "{screen}");
    assert_eq!(slots(&wanted), [Slot::Zoom, Slot::Heatmap], "one large channel");
    inspector.press(&["l"]);
    assert!(inspector.screen().contains("#2 "));
    inspector.press(&["Esc"]);
    assert_eq!(slots(&inspector.draw().1), [Slot::Page, Slot::Heatmap], "back to the page");
}

#[test]
fn patterns_are_shown_while_they_grow() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["Enter", "p"]);
    let screen = inspector.screen();
    assert!(screen.contains("stem · patterns") && screen.contains("step 12/40"), "{screen}");
    inspector.press(&["a"]);
    assert!(inspector.screen().contains("stem · activations"));
    assert!(matches!(inspector.asked.last(), Some(Request::Stop(Pane::Channels))), "nobody looks at them any more");
}

#[test]
fn the_class_is_chosen_from_the_top_or_by_name() {
    let mut inspector = Inspector::opened(120, 40);
    assert!(inspector.screen().contains("grad-cam of tabby"));
    inspector.press(&["c"]);
    assert!(inspector.screen().contains("grad-cam of tiger cat"));
    inspector.press(&["f", "t", "e", "n"]);
    assert!(inspector.screen().contains("1 of 1"));
    inspector.press(&["Enter"]);
    assert!(inspector.screen().contains("grad-cam of tench"));
    inspector.press(&["C"]);
    assert!(inspector.screen().contains("grad-cam of tiger cat"));
}

#[test]
fn the_map_moves_to_the_chosen_layer_and_back() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["M"]);
    assert!(inspector.screen().contains("at stem 2×2"));
    inspector.press(&["M"]);
    assert!(inspector.screen().contains("at block.relu 2×2"));
}

#[test]
fn the_next_picture_keeps_layer_and_channel() {
    let inputs = vec![Some(PathBuf::from("a.png")), Some(PathBuf::from("b.png"))];
    let mut inspector = Inspector::with_inputs(120, 40, inputs);
    inspector.tell(model());
    inspector.press(&["j", "j", "Enter", "l", "."]);
    assert!(inspector.screen().contains("b.png 2/2"));
    assert_eq!((inspector.state.layer, inspector.state.channel), (LayerId(2), 1));
    inspector.press(&["."]);
    assert!(inspector.screen().contains("a.png 1/2"), "after the last comes the first");
}

#[test]
fn every_new_answer_is_drawn_anew() {
    let inputs = (0..8).map(|index| Some(PathBuf::from(format!("{index}.png")))).collect();
    let mut inspector = Inspector::with_inputs(120, 40, inputs);
    inspector.tell(model());
    let mut seen = HashSet::new();
    for _ in 0..8 {
        // Memory of the answers before is free again: an answer that comes to lie there is a new one all the same.
        for wanted in inspector.draw().1 {
            assert!(seen.insert((wanted.slot, wanted.key())), "slot {:?} counts as drawn already", wanted.slot);
        }
        let unchanged: Vec<u64> = inspector.draw().1.iter().map(Wanted::key).collect();
        assert_eq!(unchanged, inspector.draw().1.iter().map(Wanted::key).collect::<Vec<_>>());
        inspector.press(&["."]);
    }
}

#[test]
fn pictures_stay_inside_the_screen_and_apart_at_every_size() {
    for (columns, rows) in [(40, 12), (60, 16), (80, 24), (109, 50), (110, 12), (120, 40), (200, 60), (400, 20)] {
        for keys in [
            &["alt-1"] as &[&str],
            &["alt-2"],
            &["alt-2", "Enter"],
            &["alt-3"],
            &["z"],
            &["alt-2", "p", "Enter"],
            &["G", "Enter"],
        ] {
            let mut inspector = Inspector::opened(columns, rows);
            inspector.press(keys);
            let (screen, wanted) = inspector.draw();
            let whole = Rect::new(1, 1, columns - 2, rows - 2);
            for (index, picture) in wanted.iter().enumerate() {
                let area = picture.area;
                assert!(!area.is_empty(), "{columns}×{rows} {keys:?}: an empty picture");
                assert_eq!(area.intersection(whole), area, "{columns}×{rows} {keys:?}: outside");
                let others = &wanted[index + 1..];
                assert!(!others.iter().any(|other| other.area.intersects(area)), "{columns}×{rows} {keys:?}: overlap");
            }
            assert!(screen.contains("help") && screen.contains("quit"), "{columns}×{rows} {keys:?}:\n{screen}");
        }
    }
}

#[test]
fn a_layer_without_maps_shows_its_values_as_bars() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["G", "Enter"]);
    let (screen, wanted) = inspector.draw();
    assert_eq!(wanted.len(), 1, "bars are no pictures: they are there at once, by every protocol and by none");
    let bar = |name: &str| screen.lines().find(|line| line.contains(name)).unwrap().matches('█').count();
    assert!(bar("2 tiger cat") > bar("1 tabby") && bar("0 tench") == 0, "{screen}");
    inspector.press(&["j"]);
    assert!(inspector.screen().contains("#1 tabby  1"), "the value under the cursor in full");
}

#[test]
fn names_from_a_file_cannot_command_the_terminal() {
    let mut inspector = Inspector::new(120, 40);
    let Event::Opened(mut model) = model() else { panic!("a model") };
    model.name = "evil\x1b[2Jnet\n".to_owned();
    model.layers[0].name = "stem\x1b]0;gone\x07".to_owned();
    model.layers[0].path = "stem\x1b]0;gone\x07".to_owned();
    model.layers[0].type_name = "Conv\x1b[31m".to_owned();
    model.classes[1].label = "tab\x07by".to_owned();
    inspector.tell(Event::Opened(model));
    inspector.press(&["f"]);
    let mut terminal = Terminal::new(TestBackend::new(120, 40)).unwrap();
    terminal.draw(|frame| drop(panes::draw(&inspector.state, frame, |_, _, _| ()))).unwrap();
    for cell in terminal.backend().buffer().content() {
        assert!(!cell.symbol().chars().any(char::is_control), "{:?}", cell.symbol());
    }
}

#[test]
fn scale_and_colour_map_are_always_said() {
    let mut inspector = Inspector::opened(120, 40);
    assert!(inspector.screen().contains("viridis · each channel: mean ± 2 std"));
    inspector.press(&["x"]);
    assert!(inspector.screen().contains("viridis · each channel: min to max"));
    inspector.press(&["m"]);
    assert!(inspector.screen().contains("magma"));
}

#[test]
fn what_fails_is_said_in_its_pane_and_the_rest_stays_usable() {
    let mut inspector = Inspector::new(120, 40);
    inspector.tell(Event::Failed {
        pane: Pane::Input,
        ticket: None,
        message: "cut.pt2: damaged or cut short".to_owned(),
    });
    assert!(inspector.screen().contains("cut.pt2: damaged or cut short"));

    let mut inspector = Inspector::opened(120, 40);
    let effects = inspector.state.key(KeyEvent::new(KeyCode::Char('w'), KeyModifiers::NONE));
    let Some(Effect::Ask(Request::Channels { ticket, .. })) = effects.first() else { panic!("{effects:?}") };
    let message = "layer fc has no kernels".to_owned();
    inspector.tell(Event::Failed { pane: Pane::Channels, ticket: Some(*ticket), message });
    assert!(inspector.screen().contains("layer fc has no kernels"));
    inspector.press(&["a"]);
    assert!(!inspector.screen().contains("layer fc has no kernels"));
}

#[test]
fn an_answer_that_a_newer_request_has_overtaken_is_dropped() {
    let mut inspector = Inspector::opened(120, 40);
    let old = inspector.state.map_ticket;
    inspector.press(&["c"]);
    let of = Target::Class { class: Some(ClassId { index: 0, negative: false }), against: None };
    let map = inspector.heatmap(Chosen::usual(Kind::Map), vec![LayerId(3)], of);
    inspector.tell(Event::Map { ticket: old, map: Box::new(map) });
    assert!(inspector.screen().contains("grad-cam of tiger cat"));
}

#[test]
fn help_lists_every_action_and_no_key_has_two() {
    let mut inspector = Inspector::opened(120, 90);
    inspector.press(&["?"]);
    let screen = inspector.screen();
    let mut keys = HashSet::new();
    for binding in BINDINGS {
        assert!(screen.contains(binding.name) && screen.contains(binding.description), "{}:\n{screen}", binding.name);
        for key in binding.keys {
            assert!(keys.insert(key), "{key} is bound twice");
        }
    }
    assert!(inspector.draw().0.contains("Heatmap and pictures"), "in sections");
    inspector.press(&["Esc"]);
    assert!(!inspector.screen().contains("half-page-up"));
    // On a small screen the last line can be scrolled to.
    let mut inspector = Inspector::opened(80, 24);
    inspector.press(&["?", "G"]);
    assert!(inspector.screen().contains("quit"), "{}", inspector.screen());
}

#[test]
fn every_theme_draws_and_a_wrong_theme_is_refused() {
    let themes = Theme::built_in().unwrap();
    assert!(themes.len() >= 3);
    let mut inspector = Inspector::opened(120, 40);
    for _ in &themes {
        inspector.press(&["t"]);
        assert!(inspector.screen().contains("Layers"));
    }
    let error = Theme::parse("name = \"x\"\ntext = \"no colour\"").unwrap_err().to_string();
    assert!(error.contains("line 2") && error.contains("'no colour' is no colour"), "{error}");
}

#[test]
fn q_and_ctrl_c_leave_also_from_a_popup() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["/"]);
    let effects = inspector.state.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
    assert!(matches!(effects.as_slice(), [Effect::Quit(_)]));
    inspector.press(&["Esc"]);
    let effects = inspector.state.key(KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE));
    assert!(matches!(effects.as_slice(), [Effect::Quit(_)]));
}

#[test]
fn a_number_before_a_key_repeats_it_or_goes_there() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["Enter", "1", "2", "l"]);
    assert_eq!(inspector.state.channel, 12);
    inspector.press(&["7", "G"]);
    assert_eq!(inspector.state.channel, 7);
    inspector.press(&["3", "Esc", "l"]);
    assert_eq!(inspector.state.channel, 8, "Esc takes the number back");
    inspector.press(&["Esc", "2", "j"]);
    assert_eq!(inspector.state.layer, LayerId(2));
    inspector.press(&["4", "G"]);
    assert_eq!(inspector.state.layer, LayerId(3), "layers are counted from 1");
}

#[test]
fn keys_that_can_follow_are_shown_while_a_sequence_is_unfinished() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["g"]);
    assert!(inspector.screen().contains("go to the heatmap"), "{}", inspector.screen());
    inspector.press(&["h"]);
    assert_eq!(inspector.state.focus, Focus::Heatmap);
    inspector.press(&["g", "x"]);
    assert!(inspector.screen().contains("g x does nothing; ? lists the keys"));
}

#[test]
fn esc_and_a_key_that_arrive_together_are_two_keys() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["Enter", "Enter"]);
    let effects = inspector.state.key(KeyEvent::new(KeyCode::Char('l'), KeyModifiers::ALT));
    inspector.perform(effects);
    assert_eq!((inspector.state.zoomed, inspector.state.channel), (false, 1));
}

#[test]
fn a_layer_is_found_by_parts_of_its_path_while_they_are_typed() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["/", "b", "c", "o"]);
    assert_eq!(inspector.state.layer, LayerId(2), "block.conv");
    assert!(inspector.screen().contains("/bco▏ 1 found"), "{}", inspector.screen());
    inspector.press(&["Esc"]);
    assert_eq!(inspector.state.layer, LayerId(0), "Esc goes back to where one came from");
    inspector.press(&["/", "b", "l", "o", "c", "k", "Enter"]);
    assert_eq!(inspector.state.layer, LayerId(1));
    inspector.press(&["n", "n"]);
    assert_eq!(inspector.state.layer, LayerId(3));
    inspector.press(&["n"]);
    assert_eq!(inspector.state.layer, LayerId(1), "after the last match comes the first");
    inspector.press(&["N"]);
    assert_eq!(inspector.state.layer, LayerId(3));
}

#[test]
fn a_layer_that_is_found_in_a_folded_one_is_unfolded() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["Z"]);
    assert!(!inspector.screen().contains("    relu "));
    inspector.press(&["/", "r", "e", "l", "u", "Enter"]);
    assert!(inspector.screen().contains("    relu "));
}

#[test]
fn any_action_is_done_by_name_with_its_arguments() {
    let mut inspector = Inspector::opened(120, 40);
    let type_in = |inspector: &mut Inspector, text: &str| {
        for character in text.chars() {
            inspector.press(&[&character.to_string()]);
        }
    };
    type_in(&mut inspector, ":colour-map mag");
    inspector.press(&["Enter"]);
    assert!(inspector.screen().contains("magma"));
    type_in(&mut inspector, ":sc");
    inspector.press(&["Tab"]);
    type_in(&mut inspector, "sig");
    inspector.press(&["Enter"]);
    assert!(inspector.screen().contains("zero in the middle"), "Tab completes the name");
    type_in(&mut inspector, ":find block.relu");
    inspector.press(&["Enter"]);
    assert_eq!(inspector.state.layer, LayerId(3));
    type_in(&mut inspector, ":2");
    inspector.press(&["Enter"]);
    assert_eq!(inspector.state.layer, LayerId(1));
    type_in(&mut inspector, ":draw everything");
    assert!(inspector.screen().contains("redraw"), "who does not know the name finds it by what it does");
    inspector.press(&["Esc"]);
    type_in(&mut inspector, ":xyzzy");
    inspector.press(&["Enter"]);
    assert!(inspector.screen().contains("nothing is called xyzzy"));
}

#[test]
fn pictures_are_prepared_as_the_user_says_from_then_on() {
    let mut inspector = Inspector::opened(120, 40);
    let asked_for = |inspector: &Inspector| match inspector
        .asked
        .iter()
        .rev()
        .find(|asked| matches!(asked, Request::Picture { .. }))
    {
        Some(Request::Picture { preprocess, .. }) => preprocess.clone(),
        _ => panic!("a picture"),
    };
    assert_eq!(asked_for(&inspector), None, "as the model was opened");
    inspector.press(&["I", "c", "a", "f", "Enter"]);
    assert_eq!(asked_for(&inspector).as_deref(), Some("caffe"));
    inspector.press(&["I"]);
    for character in "tf,resize=64x64".chars() {
        inspector.press(&[&character.to_string()]);
    }
    assert!(inspector.screen().contains("resize=64x64"), "what is typed is read while it is typed");
    inspector.press(&["Enter"]);
    assert_eq!(asked_for(&inspector).as_deref(), Some("tf,resize=64x64"));
    inspector.press(&["I", "q", "q", "=", "Enter"]);
    assert!(inspector.screen().contains("unknown key `qq`"), "{}", inspector.screen());
    assert_eq!(asked_for(&inspector).as_deref(), Some("tf,resize=64x64"), "what cannot be read changes nothing");
    inspector.press(&["I", "Enter"]);
    assert_eq!(asked_for(&inspector), None, "back to how the model was opened");
}

#[test]
fn every_action_is_in_the_palette() {
    let mut inspector = Inspector::opened(120, 40);
    for binding in BINDINGS.iter().filter(|binding| !["quit", "command"].contains(&binding.name)) {
        inspector.press(&[":"]);
        for character in binding.name.chars() {
            inspector.press(&[&character.to_string()]);
        }
        assert!(inspector.screen().contains(&format!(" {}", binding.name)), "{}", binding.name);
        inspector.press(&["Enter"]);
        inspector.screen();
        inspector.press(&["Esc", "Esc", "Esc"]);
    }
}

#[test]
fn channels_are_sorted_and_the_order_is_said() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["Enter", "r"]);
    let Some(Request::Channels { order, .. }) = inspector.asked.last() else { panic!("a page") };
    assert_eq!(*order, Order::Mean);
    assert!(inspector.screen().contains("by mean"), "{}", inspector.screen());
}

#[test]
fn gradients_are_of_the_class_whose_map_is_shown() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["c", "d"]);
    let Some(Request::Channels { content, class, .. }) = inspector.asked.last() else { panic!("a page") };
    assert_eq!((*content, class.map(|class| class.index)), (Content::Gradients, Some(2)));
    assert!(inspector.screen().contains("zero in the middle"), "gradients have signs");
    let asked = inspector.asked.len();
    inspector.press(&["c"]);
    assert_eq!(inspector.asked.len(), asked + 2, "another class: another map, and other gradients");
}

#[test]
fn one_class_is_contrasted_with_another_and_layers_are_blended() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["V", "t", "e", "n", "Enter"]);
    let Some(Request::Map { of: Target::Class { against, .. }, .. }) = inspector.asked.last() else { panic!("a map") };
    assert_eq!(against.map(|class| class.index), Some(0));
    assert!(inspector.screen().contains("rather than tench"), "{}", inspector.screen());
    inspector.press(&["V", "b"]);
    let Some(Request::Map { layers, of: Target::Class { against, .. }, .. }) = inspector.asked.last() else {
        panic!("a map")
    };
    assert_eq!((layers.as_slice(), *against), ([LayerId(3), LayerId(0)].as_slice(), None));
    assert!(inspector.screen().contains("blend of 2 layers"));
    inspector.press(&["b"]);
    assert!(inspector.screen().contains("at block.relu"), "the second time takes it out again");
}

#[test]
fn the_overlay_is_made_stronger_and_weaker() {
    let mut inspector = Inspector::opened(120, 40);
    assert!(inspector.screen().contains("overlay 40 %"));
    inspector.press(&["+", "+"]);
    assert!(inspector.screen().contains("overlay 60 %"));
    inspector.press(&["9", "-"]);
    assert!(inspector.screen().contains("overlay 0 %"));
}

#[test]
fn a_pane_takes_the_whole_screen_and_gives_it_back() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["Tab", "z"]);
    let screen = inspector.screen();
    assert!(screen.contains("stem · activations") && !screen.contains("Heatmap") && !screen.contains("Layers"));
    inspector.press(&["Tab"]);
    assert!(inspector.screen().contains("Heatmap"), "the next pane has it then");
    inspector.press(&["z"]);
    assert!(inspector.screen().contains("Layers"));
}

#[test]
fn a_point_on_the_zoomed_channel_tells_its_value() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["Enter", "Enter", "v"]);
    // Values count up: the strongest is the last.
    assert!(inspector.screen().contains("row 7 column 7  63"), "{}", inspector.screen());
    inspector.press(&["k", "h", "h"]);
    assert!(inspector.screen().contains("row 6 column 5  53"), "{}", inspector.screen());
    inspector.press(&["Esc"]);
    assert!(inspector.state.zoomed && inspector.state.probe.is_none());
}

#[test]
fn the_mouse_chooses_and_points() {
    let mut inspector = Inspector::opened(120, 40);
    let at = inspector.find("    relu ");
    inspector.click((at.0 + 5, at.1));
    assert_eq!(inspector.state.layer, LayerId(3));
    let at = inspector.find("▾ block");
    inspector.click(at);
    assert!(!inspector.screen().contains("    relu "), "the arrow folds");
    let at = inspector.find("tiger cat");
    inspector.click(at);
    assert!(inspector.screen().contains("grad-cam of tiger cat"));
    // A tile: pointed at, chosen, and gone into.
    let page = inspector.draw().1.into_iter().find(|wanted| wanted.slot == Slot::Page).unwrap();
    let tile = Rect { x: page.area.x + page.parts[5].x, y: page.area.y + page.parts[5].y, ..page.parts[5] };
    let middle = (tile.x + tile.width / 2, tile.y + tile.height / 2);
    inspector.mouse(MouseEventKind::Moved, middle);
    assert!(inspector.screen().contains("#5 row "), "{}", inspector.screen());
    inspector.click(middle);
    assert_eq!((inspector.state.focus, inspector.state.channel), (Focus::Channels, 5));
    inspector.click(middle);
    assert!(inspector.state.zoomed);
    inspector.mouse(MouseEventKind::ScrollDown, middle);
    assert_eq!(inspector.state.channel, 6, "the wheel goes to the next channel");
}

#[test]
fn borders_are_dragged() {
    let mut inspector = Inspector::opened(120, 40);
    let right = inspector.find("││").0;
    inspector.mouse(MouseEventKind::Down(MouseButton::Left), (right, 20));
    inspector.mouse(MouseEventKind::Drag(MouseButton::Left), (right + 10, 20));
    inspector.mouse(MouseEventKind::Up(MouseButton::Left), (right + 10, 20));
    assert_eq!(inspector.find("││").0, right + 10);
    inspector.mouse(MouseEventKind::Drag(MouseButton::Left), (30, 20));
    assert_eq!(inspector.find("││").0, right + 10, "let go");
}

#[test]
fn text_is_pasted_where_something_is_typed_and_nowhere_else() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.state.paste("qqq\x1b");
    assert!(inspector.screen().contains("stem"));
    inspector.press(&["/"]);
    let effects = inspector.state.paste("block.relu\n");
    inspector.perform(effects);
    assert_eq!(inspector.state.layer, LayerId(3));
}
