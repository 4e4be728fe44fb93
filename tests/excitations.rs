//! A scan in the inspector: a channel that is zoomed into shows the pictures that excite it most, and how the current picture's
//! maximum compares with theirs.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/inspector.rs"]
mod inspector;
#[path = "common/scans.rs"]
mod scans;
#[path = "common/terminal.rs"]
mod terminal;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use inspector::Inspector;
use layerscope::engine::Cancel;
use layerscope::methods::excitation::{Distribution, Keep};
use layerscope::scan::{self, ExcitationFile, Scan};
use layerscope::service::open::{ModelChoice, Opening};
use layerscope::service::protocol::{
    Event, ExcitationPage, Exciting, Filter, OpenRequest, Pane, Request, Rgb, ScanInfo, Ticket,
};
use layerscope::service::{self, Service};
use layerscope::terminal::encoder::Resolution;
use layerscope::tui::drawing::Subject;
use terminal::{LAYERSCOPE, PATIENCE, Program};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn opening() -> Opening {
    let golden: serde_json::Value =
        serde_json::from_slice(&std::fs::read(fixtures().join("scan/golden.json")).unwrap()).unwrap();
    let preprocess = Some(golden["preprocess"].as_str().unwrap().to_owned());
    Opening { model: ModelChoice::File(fixtures().join("convnet/model.pt2")), preprocess, ..Opening::default() }
}

/// Scans the pictures of the fixtures, from `folder`.
fn scanned(folder: &Path, out: &Path) {
    let network = service::open::network(&opening()).unwrap();
    let plan = Scan { keep: Keep { top: 4, per_class: 2 }, ..scans::plan(folder, &["layer1.conv1", "layer2"], out) };
    scan::scan(&network, &plan, &Cancel::new(), &mut |_| {}).unwrap();
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copied(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// The engine's threads, asked one thing after the other.
struct Asker {
    service: Service,
    ticket: u64,
}

impl Asker {
    fn open() -> Self {
        let service = service::spawn(OpenRequest { opening: opening(), ..OpenRequest::default() });
        while !matches!(service.events.recv_timeout(PATIENCE).unwrap(), Event::Opened(_)) {}
        Self { service, ticket: 0 }
    }

    fn ask(&mut self, request: impl FnOnce(Ticket) -> Request) -> Event {
        self.ticket += 1;
        self.service.requests.send(request(Ticket(self.ticket))).unwrap();
        self.service.events.recv_timeout(PATIENCE).unwrap()
    }

    fn scan(&mut self, path: &Path) -> Event {
        self.ask(|ticket| Request::Scan { ticket, path: path.to_path_buf() })
    }

    fn page(&mut self, (layer, channel): (usize, usize), filter: Filter, whole: bool) -> ExcitationPage {
        match self.ask(|ticket| Request::Excitations { ticket, layer, channel, filter, most: 4, whole }) {
            Event::Excitations { page, .. } => *page,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_pictures_of_a_channel_are_those_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("scan.parquet");
    scanned(&fixtures().join("scan/pictures"), &out);
    let file = ExcitationFile::open(&out).unwrap();
    let mut asker = Asker::open();
    let Event::ScanOpened { scan, .. } = asker.scan(&out) else { panic!("no scan") };
    let names: Vec<&str> = scan.layers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names, scan.pictures, scan.top, scan.per_class), (vec!["layer1.conv1", "layer2"], 25, 4, 2));
    let class = file.channel(1, 3, &Filter::default(), 1).unwrap().kept[0].excitation.picture.truth.clone();
    let filters = [
        Filter::default(),
        Filter { right: Some(false), ..Filter::default() },
        Filter { truth: class.as_deref().map(str::to_owned), ..Filter::default() },
    ];
    for filter in filters {
        let page = asker.page((1, 3), filter.clone(), false);
        let rows = file.channel(1, 3, &filter, 4).unwrap();
        assert!(!rows.kept.is_empty(), "{filter:?}");
        assert_eq!(page.distribution, rows.distribution);
        assert_eq!(page.pictures.len(), rows.kept.len());
        for (ours, kept) in page.pictures.iter().zip(&rows.kept) {
            let seen = &kept.excitation.picture;
            assert_eq!((ours.value, &ours.picture, ours.right), (kept.excitation.value, &seen.path, seen.right));
            let (shown, crop) = (ours.shown.as_ref().unwrap(), kept.picture().unwrap());
            assert!(shown.pixels == *crop.as_raw() && (shown.width, shown.height) == crop.dimensions());
            assert_eq!(ours.marked, None);
        }
    }
}

#[test]
fn whole_pictures_come_with_what_the_position_sees_as_long_as_they_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let (out, pictures) = (folder.path().join("scan.parquet"), folder.path().join("pictures"));
    copied(&fixtures().join("scan/pictures"), &pictures);
    scanned(&pictures, &out);
    let file = ExcitationFile::open(&out).unwrap();
    let mut asker = Asker::open();
    assert!(matches!(asker.scan(&out), Event::ScanOpened { .. }));
    let page = asker.page((0, 0), Filter::default(), true);
    assert_eq!(page.note, None);
    for (ours, kept) in page.pictures.iter().zip(file.channel(0, 0, &Filter::default(), 4).unwrap().kept) {
        let whole = image::open(pictures.join(&ours.picture)).unwrap().into_rgb8();
        let shown = ours.shown.as_ref().unwrap();
        assert!((shown.width, shown.height) == whole.dimensions() && shown.pixels == *whole.as_raw());
        let patch = kept.excitation.patch;
        assert_eq!(ours.marked, Some((patch.x, patch.y, patch.width, patch.height)));
    }
    std::fs::remove_dir_all(&pictures).unwrap();
    let gone = asker.page((0, 0), Filter::default(), true);
    assert!(gone.note.unwrap().contains("no such file"));
    assert!(gone.pictures.iter().all(|exciting| exciting.marked.is_none() && exciting.shown.is_some()), "the crops");
}

#[test]
fn a_file_that_is_no_scan_is_one_line_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("notes.parquet");
    std::fs::write(&wrong, "not a scan").unwrap();
    let mut asker = Asker::open();
    for (path, reason) in [(wrong, "not a Parquet file"), (folder.path().join("none.parquet"), "No such file")] {
        let Event::Failed { pane: Pane::Excitations, message, .. } = asker.scan(&path) else { panic!("opened") };
        assert!(message.contains(&*path.to_string_lossy()) && message.contains(reason), "{message}");
    }
}

fn info() -> ScanInfo {
    ScanInfo {
        path: PathBuf::from("photos.parquet"),
        model: "tinynet".to_owned(),
        fingerprint: "1c3a".to_owned(),
        preprocess: "imagenet".to_owned(),
        layers: vec![("stem".to_owned(), 40), ("block.conv".to_owned(), 24), ("fc".to_owned(), 3)],
        pictures: 1_281_167,
        top: 9,
        per_class: 0,
        has_truth: true,
    }
}

/// Nine pictures, every third of which the network is wrong about.
fn page(layer: usize, channel: usize, filter: &Filter, marked: bool) -> ExcitationPage {
    let mut distribution = Distribution::default();
    for number in 0..400_u16 {
        distribution.add(f32::from(number % 20) * f32::from(number % 7) / 2.0, 0.1, 3, 16);
    }
    let exciting = |number: u8| Exciting {
        value: 57.0 - f32::from(number),
        picture: format!("tabby/cat_{number}.jpg"),
        said: Some((if number % 3 == 2 { "tench" } else { "tabby" }.to_owned(), 0.5)),
        truth: Some("tabby".to_owned()),
        right: Some(number % 3 != 2),
        shown: Some(Rgb { width: 20, height: 20, pixels: vec![10 * number; 1200] }),
        marked: marked.then_some((5, 5, 10, 10)),
    };
    let pictures = (0..9).map(exciting).filter(|one| filter.right.is_none_or(|right| one.right == Some(right)));
    let pictures = pictures.filter(|one| filter.truth.as_ref().is_none_or(|truth| one.truth.as_ref() == Some(truth)));
    ExcitationPage { layer, channel, pictures: pictures.collect(), distribution, note: None }
}

/// Answers what was asked of the scan since the last time.
fn answer(inspector: &mut Inspector) {
    for request in std::mem::take(&mut inspector.asked) {
        match request {
            Request::Scan { ticket, .. } => inspector.tell(Event::ScanOpened { ticket, scan: Box::new(info()) }),
            Request::Excitations { ticket, layer, channel, filter, whole, .. } => {
                let page = page(layer, channel, &filter, whole);
                inspector.tell(Event::Excitations { ticket, page: Box::new(page) });
            }
            _ => {}
        }
    }
    if inspector.asked.iter().any(|asked| matches!(asked, Request::Scan { .. } | Request::Excitations { .. })) {
        answer(inspector);
    }
}

fn pressed(inspector: &mut Inspector, keys: &[&str]) {
    inspector.press(keys);
    answer(inspector);
}

/// The inspector with a scan, zoomed into the first channel of `stem`.
fn zoomed(columns: u16, rows: u16) -> Inspector {
    let mut inspector = Inspector::new(columns, rows);
    inspector.state.excitations.path = Some(PathBuf::from("photos.parquet"));
    inspector.tell(inspector::model());
    answer(&mut inspector);
    pressed(&mut inspector, &["Enter", "Enter"]);
    inspector
}

fn tiles(inspector: &Inspector) -> usize {
    let wanted = inspector.draw().1;
    let subjects = wanted.iter().flat_map(|wanted| match &wanted.subject {
        Subject::Tiles(tiles) => tiles.iter().map(|(_, subject)| subject).collect(),
        single => vec![single],
    });
    subjects.filter(|subject| matches!(subject, Subject::Exciting { .. })).count()
}

#[test]
fn a_zoomed_channel_shows_what_excites_it_at_every_size() {
    let mut shown = String::new();
    for (columns, rows) in [(80, 24), (120, 40), (200, 60)] {
        writeln!(shown, "{columns}×{rows}\n{}", zoomed(columns, rows).screen()).unwrap();
    }
    insta::assert_snapshot!("excitations", shown);
    assert_eq!(tiles(&zoomed(200, 60)), 9);
    assert!((3..9).contains(&tiles(&zoomed(80, 24))), "as many as there is room for");
}

#[test]
fn keys_go_through_the_pictures_and_say_what_each_is() {
    let mut inspector = zoomed(120, 40);
    assert!(inspector.screen().contains("tabby/cat_0.jpg"), "{}", inspector.screen());
    assert!(inspector.screen().contains("✓ tabby 50 %"));
    pressed(&mut inspector, &[">", ">"]);
    assert!(inspector.screen().contains("3 of 9") && inspector.screen().contains("✗ tench 50 %, shows tabby"));
    pressed(&mut inspector, &["3", "<"]);
    assert!(inspector.screen().contains("9 of 9"), "before the first comes the last");
    pressed(&mut inspector, &["l"]);
    assert!(inspector.screen().contains("1 of 9"), "another channel has other pictures");
}

#[test]
fn pictures_are_those_of_the_channel_or_none() {
    let mut inspector = zoomed(120, 40);
    assert!(tiles(&inspector) > 0);
    inspector.press(&["l"]);
    assert_eq!(tiles(&inspector), 0, "the next channel's are not there yet");
    let overtaken = inspector.asked.clone();
    inspector.press(&["l"]);
    for request in overtaken {
        if let Request::Excitations { ticket, layer, channel, .. } = request {
            let page = page(layer, channel, &Filter::default(), false);
            inspector.tell(Event::Excitations { ticket, page: Box::new(page) });
        }
    }
    assert_eq!(tiles(&inspector), 0, "nobody looks at that channel any more");
    answer(&mut inspector);
    assert!(tiles(&inspector) > 0);
}

#[test]
fn pictures_that_cannot_be_read_are_asked_for_once() {
    let mut inspector = zoomed(120, 40);
    let asked = |inspector: &Inspector| {
        let tickets = inspector.asked.iter().filter_map(|request| match request {
            Request::Excitations { ticket, .. } => Some(*ticket),
            _ => None,
        });
        tickets.collect::<Vec<_>>()
    };
    inspector.press(&["l"]);
    let [ticket] = asked(&inspector)[..] else { panic!("one page") };
    let message = "photos.parquet is damaged".to_owned();
    inspector.tell(Event::Failed { pane: Pane::Excitations, ticket: Some(ticket), message });
    inspector.press(&["x"]);
    assert_eq!(asked(&inspector), [ticket], "it would say the same again");
    assert!(inspector.screen().contains("photos.parquet is damaged"), "{}", inspector.screen());
    inspector.asked.clear();
    pressed(&mut inspector, &["h"]);
    assert!(tiles(&inspector) > 0 && !inspector.screen().contains("is damaged"), "those of another channel are there");
    inspector.press(&["l"]);
    assert_eq!(asked(&inspector).len(), 1, "who comes back may try again");
}

#[test]
fn only_right_or_wrong_ones_or_those_of_a_class() {
    let mut inspector = zoomed(120, 40);
    pressed(&mut inspector, &["F", "w", "r", "o", "Enter"]);
    assert!(inspector.screen().contains("only wrong") && inspector.screen().contains("1 of 3"));
    assert!(inspector.screen().contains("tabby/cat_2.jpg"));
    pressed(&mut inspector, &["F", "a", "l", "l", "Enter"]);
    assert!(!inspector.screen().contains("only wrong") && inspector.screen().contains("1 of 9"));
    pressed(&mut inspector, &["F", "t", "e", "n", "Enter"]);
    assert!(inspector.screen().contains("only tench"), "{}", inspector.screen());
    assert!(inspector.screen().contains("--per-class"), "the scan kept none for its class");
}

#[test]
fn whole_pictures_are_asked_for_and_the_cursor_stays() {
    let mut inspector = zoomed(120, 40);
    pressed(&mut inspector, &[">", "u"]);
    assert!(inspector.screen().contains("2 of 9"));
    let wanted = inspector.draw().1;
    let marked = wanted.iter().find_map(|wanted| match &wanted.subject {
        Subject::Tiles(tiles) => tiles.iter().find_map(|(_, subject)| match subject {
            Subject::Exciting { index: 3, .. } => Some(subject),
            _ => None,
        }),
        _ => None,
    });
    let at = Resolution { width: 100, height: 100, scaled: false };
    let drawn = marked.unwrap().draw(at, (10, 5).into()).to_rgb();
    let pixel = |x, y| drawn.get_pixel(x, y).0;
    assert_eq!((pixel(25, 25), pixel(50, 50)), ([255; 3], [30; 3]), "what the position sees, in a frame");
    assert_eq!(pixel(2, 2), [13; 3], "the rest darker");
    pressed(&mut inspector, &["u"]);
    assert!(tiles(&inspector) > 0);
}

#[test]
fn a_scan_of_another_model_or_without_the_layer_says_so() {
    let mut inspector = Inspector::new(120, 40);
    inspector.state.excitations.path = Some(PathBuf::from("photos.parquet"));
    inspector.tell(inspector::model());
    let Some(Request::Scan { ticket, .. }) = inspector.asked.last().cloned() else { panic!("no scan asked for") };
    let other = ScanInfo { model: "resnet18".to_owned(), fingerprint: "77".to_owned(), ..info() };
    inspector.tell(Event::ScanOpened { ticket, scan: Box::new(other) });
    assert!(inspector.screen().contains("photos.parquet is a scan of another model: resnet18"));
    inspector.press(&["Enter", "Enter"]);
    assert!(inspector.screen().contains("photos.parquet is a scan of another model"), "and goes on to say it");

    let mut inspector = zoomed(120, 40);
    pressed(&mut inspector, &["]", "Enter"]);
    assert_eq!(tiles(&inspector), 0);
    assert!(inspector.screen().contains("this layer was not scanned"), "{}", inspector.screen());
}

#[test]
fn a_value_of_a_vector_has_its_pictures_below_the_bars() {
    let mut inspector = zoomed(120, 40);
    pressed(&mut inspector, &["g", "l", "G", "Enter", "j"]);
    assert!(inspector.screen().contains("fc · activations"), "{}", inspector.screen());
    assert_eq!(tiles(&inspector), 0, "not before it is zoomed into");
    pressed(&mut inspector, &["Enter"]);
    assert!(tiles(&inspector) > 0);
    let screen = inspector.screen();
    assert!(screen.contains("1 of 9") && screen.contains("2 tiger cat"), "{screen}");
    let asked = inspector.state.excitation_page().unwrap();
    assert_eq!((asked.layer, asked.channel), (2, 1));
}

#[test]
fn without_a_scan_the_keys_say_how_to_have_one_and_it_is_opened_by_name() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["Enter", "Enter", ">"]);
    assert!(inspector.screen().contains("--scan FILE"), "{}", inspector.screen());
    inspector.press(&[":"]);
    inspector.press(
        &"scan photos.parquet"
            .chars()
            .map(String::from)
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
    );
    pressed(&mut inspector, &["Enter"]);
    assert!(tiles(&inspector) > 0, "{}", inspector.screen());
}

#[test]
fn a_scan_that_keeps_all_pictures_vouches_for_every_choice_of_them_and_the_table_names_as_many_as_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("scan.parquet");
    let ran = |arguments: &[&str]| {
        let done = Command::new(LAYERSCOPE).args(arguments).output().unwrap();
        let (told, warned) = (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
        assert!(done.status.success(), "{warned}");
        (told, warned)
    };
    let (file, pictures) = (out.to_str().unwrap(), fixtures().join("scan/pictures"));
    ran(&["scan", "demo:book", pictures.to_str().unwrap(), "--layer", "conv2d_20", "--top", "30", "--out", file]);
    let (_, warned) = ran(&["excitations", file, "--channels", "1", "--class", "cat"]);
    assert_eq!(warned, "");
    let names = |k: &[&str]| {
        let (table, _) = ran(&[&["excitations", file, "--channels", "1"], k].concat());
        table.matches(".png").count()
    };
    assert_eq!((names(&[]), names(&["-k", "5"])), (3, 5));
}

#[test]
fn a_scan_by_the_command_is_shown_by_the_inspector() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("scan.parquet");
    let pictures = fixtures().join("scan/pictures");
    let done = Command::new(LAYERSCOPE)
        .args(["scan", "demo:book", "--layer", "conv2d_20", "--top", "5", "--out"])
        .arg(&out)
        .arg(&pictures)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let mut program = Program::start(&["--demo", "book", "--scan", out.to_str().unwrap()]);
    program.see("grad-cam of cat");
    program.press("gc\r");
    program.see("of 25 in scan.parquet");
    program.see("1 of 5");
    program.press(">");
    program.see("2 of 5");
    program.press("]\r");
    program.see("was not scanned");
    program.leave();
}
